(** The linear model of the three methods: powers of its matrix, in the final form of the theorem.

    H is any symmetric matrix with spectrum in [lo, hi], 0 < lo <= hi, and kappa = hi/lo. *)

From Coq Require Import Reals Lra Lia.
From NagNtk Require Import vectors matrices blocks companion tunings.
Open Scope R_scope.

(** One step of gradient descent's linear model: x -> (I - eta H) x. *)
Definition descend (n : nat) (step : R) (H : mat) (x : vec) : vec := vadd x (vscal (- step) (mul n H x)).

Lemma descend_contracts n H lo hi step x :
  spectrum_within n H lo hi -> lo <= hi -> 0 <= step -> step * hi <= 1 ->
  norm n (descend n step H x) <= (1 - step * lo) * norm n x.
Proof.
  intros W U P L. assert (Q : 0 <= 1 - step * lo) by nra.
  apply norm_le; [apply Rmult_le_pos; [assumption|apply norm_nonneg]|].
  replace ((1 - step * lo) * norm n x * ((1 - step * lo) * norm n x))
    with ((1 - step * lo) * (1 - step * lo) * (norm n x * norm n x)) by ring.
  rewrite norm_sq.
  pose proof (concave_form n H lo hi W (-1) (2 * step) (- (step * step))
                (- ((1 - step * lo) * (1 - step * lo))) x U) as K.
  assert (K' : - ((1 - step * lo) * (1 - step * lo)) * dot n x x
    <= -1 * dot n x x + 2 * step * dot n x (mul n H x) + - (step * step) * dot n (mul n H x) (mul n H x)).
  { apply K; [pose proof (Rle_0_sqr step) as S; unfold Rsqr in S; lra|apply Req_le; ring|].
    assert (0 <= 1 - step * hi <= 1 - step * lo) by nra.
    assert ((1 - step * hi) * (1 - step * hi) <= (1 - step * lo) * (1 - step * lo)) by (apply Rmult_le_compat; lra).
    lra. }
  unfold descend. rewrite !dot_add_l, !dot_add_r, !dot_scal_l, !dot_scal_r.
  rewrite (dot_sym n (mul n H x) x). lra.
Qed.

(** Gradient descent: |(I - eta H)^k x| <= (1 - 1/kappa)^k |x|. *)
Theorem gradient_descent_powers n H lo hi k x : 0 < lo -> lo <= hi -> spectrum_within n H lo hi ->
  norm n (power (descend n (eta (gradient_descent lo hi)) H) k x) <= (1 - 1 / kappa lo hi) ^ k * norm n x.
Proof.
  intros L U W. unfold gradient_descent, kappa. simpl.
  assert (E : 1 - 1 / (hi / lo) = 1 - 1 / hi * lo) by (field; lra). rewrite E.
  assert (P : 0 <= 1 - 1 / hi * lo).
  { assert (1 / hi * lo <= 1); [|lra]. replace (1 / hi * lo) with (lo / hi) by (field; lra). apply fraction_le; lra. }
  induction k as [|k IH]; simpl; [lra|].
  eapply Rle_trans; [apply (descend_contracts n H lo hi (1 / hi)); try assumption|].
  - apply Rlt_le, Rdiv_lt_0_compat; lra.
  - apply Req_le. field. lra.
  - rewrite Rmult_assoc. now apply Rmult_le_compat_l.
Qed.

(** Heavy ball: |M^k v| <= 4 sqrt kappa (1 - 1/(2 sqrt kappa))^k |v|. *)
Theorem heavy_ball_powers n H lo hi k v : 0 < lo -> lo <= hi -> spectrum_within n H lo hi ->
  norm2 n (power (companion n (heavy_ball lo hi) H) k v)
  <= 4 * sqrt (kappa lo hi) * (1 - 1 / (2 * sqrt (kappa lo hi))) ^ k * norm2 n v.
Proof.
  intros L U W. destruct (root_facts lo hi L U) as [S E].
  apply (companion_powers n (heavy_ball lo hi) H lo hi (heavy_ball_gap (kappa lo hi)) W U
           ltac:(apply Rlt_le, Rdiv_lt_0_compat; lra) ltac:(simpl; lra)
           (heavy_ball_gap_lo lo hi L U) (heavy_ball_gap_hi lo hi L U)
           (Rlt_le _ _ (heavy_ball_gap_pos lo hi L U)) (heavy_ball_prefactor (kappa lo hi)) (heavy_ball_rate (kappa lo hi))).
  - now apply heavy_ball_gap_pos.
  - unfold heavy_ball_prefactor. lra.
  - unfold heavy_ball_rate. assert (1 / (2 * sqrt (kappa lo hi)) <= 1) by (apply fraction_le; lra). lra.
  - now apply heavy_ball_prefactor_lo.
  - now apply heavy_ball_rate_lo.
Qed.

(** Nesterov: |M^k v| <= 12 sqrt kappa (1 - 2/(3 sqrt kappa))^k |v|. *)
Theorem nesterov_powers n H lo hi k v : 0 < lo -> lo <= hi -> spectrum_within n H lo hi ->
  norm2 n (power (companion n (nesterov lo hi) H) k v)
  <= 12 * sqrt (kappa lo hi) * (1 - 2 / (3 * sqrt (kappa lo hi))) ^ k * norm2 n v.
Proof.
  intros L U W. destruct (root_facts lo hi L U) as [S E]. pose proof (nesterov_beta_range lo hi L U) as B.
  apply (companion_powers n (nesterov lo hi) H lo hi (nesterov_gap (kappa lo hi)) W U
           ltac:(apply Rlt_le, Rdiv_lt_0_compat; lra) ltac:(simpl; lra)
           (nesterov_gap_lo lo hi L U) (nesterov_gap_hi lo hi L U)
           (Rlt_le _ _ (nesterov_gap_pos _)) (nesterov_prefactor (kappa lo hi)) (nesterov_rate (kappa lo hi))).
  - apply nesterov_gap_pos.
  - unfold nesterov_prefactor. lra.
  - unfold nesterov_rate. assert (2 / (3 * sqrt (kappa lo hi)) <= 1) by (apply fraction_le; lra). lra.
  - now apply nesterov_prefactor_lo.
  - now apply nesterov_rate_lo.
Qed.
