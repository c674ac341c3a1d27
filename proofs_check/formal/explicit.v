(** Explicit widths: "m large enough" as one inequality, with no constant hidden.

    The radius is chosen, |K| bounded by n, |xi(0)| by B: with the initial-residual lemma B^2 = (n/2 + |y|^2)/delta. *)

From Coq Require Import Reals Lra Lia.
From NagNtk Require Import vectors matrices companion tunings network bootstrap contraction.
Open Scope R_scope.

(** The radius and the width for constants a (radius) and b (distance): rad = lo/(a s n), m >= (a b)^2 s^4 n^3 B^2/lo^4. *)
Lemma width_suffices a b s nn mm lo x B :
  0 < a -> 0 < b -> 1 <= s -> 0 < nn -> 0 < mm -> 0 < lo -> 0 <= x <= B ->
  (a * b) * (a * b) * ((s * s) * (s * s)) * (nn * nn * nn) * (B * B) <= mm * ((lo * lo) * (lo * lo)) ->
  b * s * sqrt (nn / mm) * x <= lo * (lo / (a * s * nn)).
Proof.
  intros Ha Hb Hs Hn Hm Hl [Hx HB] L.
  assert (Q : 0 <= nn / mm) by (apply Rlt_le, Rdiv_lt_0_compat; lra).
  pose proof (sqrt_pos (nn / mm)) as P. pose proof (sqrt_sqrt _ Q) as E.
  assert (D : 0 < a * s * nn) by (repeat apply Rmult_lt_0_compat; lra).
  replace (lo * (lo / (a * s * nn))) with (lo * lo / (a * s * nn)) by (field; repeat split; lra).
  apply le_fraction; [assumption|].
  apply le_of_squares; [nra|]. set (q := sqrt (nn / mm)) in *.
  apply Rle_trans with ((a * b) * (a * b) * ((s * s) * (s * s)) * (nn * nn * nn) * (B * B) / mm).
  - replace (b * s * q * x * (a * s * nn) * (b * s * q * x * (a * s * nn)))
      with ((a * b) * (a * b) * ((s * s) * (s * s)) * (nn * nn) * (q * q) * (x * x)) by ring.
    rewrite E.
    replace ((a * b) * (a * b) * ((s * s) * (s * s)) * (nn * nn * nn) * (B * B) / mm)
      with ((a * b) * (a * b) * ((s * s) * (s * s)) * (nn * nn) * (nn / mm) * (B * B)) by (field; lra).
    apply Rmult_le_compat_l; [|nra].
    repeat apply Rmult_le_pos; try lra; nra.
  - apply fraction_le; [assumption|]. lra.
Qed.

Section Explicit.
Variables (net : network) (W : nat -> weights) (lo hi B : R).
Let n := INR (samples net).
Let m := INR (width net).
Let s := sqrt (kappa lo hi).
Hypothesis ok : proper net.
Hypothesis some : (0 < samples net)%nat.
Hypothesis lo_pos : 0 < lo.
Hypothesis ordered : lo <= hi.
(** The three events of the probabilistic lemmas. *)
Hypothesis within : spectrum_within (samples net) (gram net (W O)) lo hi.
Hypothesis start : norm (samples net) (residual net (W O)) <= B.
Let few (rad : R) : Prop := forall i, (i < samples net)%nat -> near_count net rad (W O) i <= flip_count_bound net rad.

Let n_pos : 0 < n. Proof. now apply lt_0_INR. Qed.
Let m_pos : 0 < m. Proof. apply lt_0_INR, ok. Qed.

Let given rad : few rad -> initial net (W O) lo hi rad n.
Proof. intros F. constructor; try assumption. apply abs_kernel_norm, ok. Qed.

(** Nesterov: m >= 40560^2 kappa^2 n^3 B^2/lo^4, rad = lo/(1040 sqrt kappa n). *)
Theorem nesterov_explicit_width : trained net (nesterov lo hi) W -> few (lo / (1040 * s * n)) ->
  (1040 * 39) * (1040 * 39) * (kappa lo hi * kappa lo hi) * (n * n * n) * (B * B) <= m * ((lo * lo) * (lo * lo)) ->
  forall t, norm2 (samples net) (stacked net W t)
            <= 12 * s * (1 - 1 / (2 * s)) ^ t * norm2 (samples net) (stacked net W O).
Proof.
  intros train F L t. destruct (root_facts lo hi lo_pos ordered) as [S _]. fold s in S.
  assert (K : s * s = kappa lo hi).
  { apply sqrt_sqrt. unfold kappa. apply Rlt_le, Rdiv_lt_0_compat; lra. }
  rewrite <- K in L. assert (D : 0 < 1040 * s * n) by (repeat apply Rmult_lt_0_compat; lra).
  apply (nesterov_contraction net W lo hi (lo / (1040 * s * n)) n ok train (given _ F)).
  - apply Rlt_le, Rdiv_lt_0_compat; assumption.
  - fold s. apply Req_le. field. lra.
  - fold s m. apply (width_suffices 1040 39 s n m lo _ B); try lra. split; [apply norm_nonneg|assumption].
Qed.

(** Heavy ball: m >= 5952^2 kappa^2 n^3 B^2/lo^4, rad = lo/(192 sqrt kappa n). *)
Theorem heavy_ball_explicit_width : trained net (heavy_ball lo hi) W -> few (lo / (192 * s * n)) ->
  (192 * 31) * (192 * 31) * (kappa lo hi * kappa lo hi) * (n * n * n) * (B * B) <= m * ((lo * lo) * (lo * lo)) ->
  forall t, norm2 (samples net) (stacked net W t)
            <= 4 * s * (1 - 1 / (4 * s)) ^ t * norm2 (samples net) (stacked net W O).
Proof.
  intros train F L t. destruct (root_facts lo hi lo_pos ordered) as [S _]. fold s in S.
  assert (K : s * s = kappa lo hi).
  { apply sqrt_sqrt. unfold kappa. apply Rlt_le, Rdiv_lt_0_compat; lra. }
  rewrite <- K in L. assert (D : 0 < 192 * s * n) by (repeat apply Rmult_lt_0_compat; lra).
  apply (heavy_ball_contraction net W lo hi (lo / (192 * s * n)) n ok train (given _ F)).
  - apply Rlt_le, Rdiv_lt_0_compat; assumption.
  - fold s. apply Req_le. field. lra.
  - fold s m. apply (width_suffices 192 31 s n m lo _ B); try lra. split; [apply norm_nonneg|assumption].
Qed.

(** Gradient descent: m >= 32^2 n^3 B^2/lo^4, rad = lo/(16 n). *)
Theorem gradient_descent_explicit_width : trained net (gradient_descent lo hi) W -> few (lo / (16 * n)) ->
  (16 * 2) * (16 * 2) * (n * n * n) * (B * B) <= m * ((lo * lo) * (lo * lo)) ->
  forall t, norm (samples net) (residual net (W t))
            <= (1 - 1 / (2 * kappa lo hi)) ^ t * norm (samples net) (residual net (W O)).
Proof.
  intros train F L t. assert (D : 0 < 16 * n) by lra.
  apply (gradient_descent_contraction net W lo hi (lo / (16 * n)) n ok train (given _ F)).
  - apply Rlt_le, Rdiv_lt_0_compat; assumption.
  - apply Req_le. field. lra.
  - fold m. pose proof (width_suffices 16 2 1 n m lo (norm (samples net) (residual net (W O))) B ltac:(lra) ltac:(lra)
      ltac:(lra) n_pos m_pos lo_pos (conj (norm_nonneg _ _) start)) as K.
    replace (16 * 1 * n) with (16 * n) in K by ring. apply Rle_trans with (2 := K ltac:(lra)). apply Req_le. ring.
Qed.
End Explicit.
