(** Powers of one momentum block, for every power: complex pairs.

    On an eigenvalue of H the linear model of a momentum method is the 2 x 2 block M = [[a, -c], [1, 0]] with trace a
    and determinant c.  M multiplies the quadratic form q(x, y) = x^2 - a x y + c y^2 by exactly c, so no power needs
    an eigenvector or a complex number. *)

From Coq Require Import Reals Lra Lia.
Open Scope R_scope.

Definition pair := (R * R)%type.
Definition block (a c : R) (v : pair) : pair := (a * fst v - c * snd v, fst v).
Definition sqnorm (v : pair) : R := fst v * fst v + snd v * snd v.

(** [power M k v] is M^k v. *)
Fixpoint power {A : Type} (M : A -> A) (k : nat) (v : A) : A :=
  match k with O => v | S j => M (power M j v) end.

Lemma power_shift {A : Type} (M : A -> A) k v : power M k (M v) = M (power M k v).
Proof. induction k as [|k IH]; simpl; [reflexivity|]. now rewrite IH. Qed.

Definition form (a c : R) (v : pair) : R := fst v * fst v - a * fst v * snd v + c * (snd v * snd v).

(** M multiplies the form by c. *)
Lemma form_invariant a c v : form a c (block a c v) = c * form a c v.
Proof. unfold form, block; simpl. ring. Qed.

Lemma form_power a c k v : form a c (power (block a c) k v) = c ^ k * form a c v.
Proof. induction k as [|k IH]; simpl; [lra|]. rewrite form_invariant, IH. ring. Qed.

(** (4c - a^2)/4 |v|^2 <= (1 + c) q(v): the difference is a sum of two squares. *)
Lemma form_lower a c v : 0 <= c -> (4 * c - a * a) * sqnorm v <= 4 * (1 + c) * form a c v.
Proof.
  intros Hc. unfold sqnorm, form. destruct v as [x y]; simpl.
  assert (4 * (1 + c) * (x * x - a * x * y + c * (y * y)) - (4 * c - a * a) * (x * x + y * y)
          = (2 * x - a * y) * (2 * x - a * y) + (a * x - 2 * c * y) * (a * x - 2 * c * y)) by ring.
  pose proof (Rle_0_sqr (2 * x - a * y)). pose proof (Rle_0_sqr (a * x - 2 * c * y)). unfold Rsqr in *. lra.
Qed.

(** q(v) <= (1 + c) |v|^2. *)
Lemma form_upper a c v : a * a <= 4 * c -> form a c v <= (1 + c) * sqnorm v.
Proof.
  intros Ha. unfold sqnorm, form. destruct v as [x y]; simpl.
  assert (4 * ((1 + c) * (x * x + y * y) - (x * x - a * x * y + c * (y * y)))
          = (2 * y + a * x) * (2 * y + a * x) + (4 * c - a * a) * (x * x)) by ring.
  pose proof (Rle_0_sqr (2 * y + a * x)). unfold Rsqr in *.
  assert (0 <= (4 * c - a * a) * (x * x)) by (apply Rmult_le_pos; [lra|apply Rle_0_sqr]). lra.
Qed.

(** Underdamped block, 4c > a^2, every power k:
      |M^k v| <= 2 (1 + c)/sqrt(4c - a^2) * c^(k/2) * |v|,
    here squared, so that no root is needed. *)
Theorem underdamped_powers_sq a c k v : 0 <= c -> a * a < 4 * c ->
  (4 * c - a * a) * sqnorm (power (block a c) k v) <= 4 * (1 + c) * (1 + c) * c ^ k * sqnorm v.
Proof.
  intros Hc Ha.
  pose proof (form_lower a c (power (block a c) k v) Hc) as L.
  pose proof (form_upper a c v (Rlt_le _ _ Ha)) as U.
  rewrite form_power in L. pose proof (pow_le c k Hc) as P.
  assert (c ^ k * form a c v <= c ^ k * ((1 + c) * sqnorm v)) by (apply Rmult_le_compat_l; assumption).
  nra.
Qed.

Definition pnorm (v : pair) : R := sqrt (sqnorm v).

Lemma sqnorm_nonneg v : 0 <= sqnorm v.
Proof. unfold sqnorm. nra. Qed.

Lemma pnorm_sq v : pnorm v * pnorm v = sqnorm v.
Proof. apply sqrt_sqrt, sqnorm_nonneg. Qed.

Lemma pnorm_nonneg v : 0 <= pnorm v.
Proof. apply sqrt_pos. Qed.

(** The prefactor 2 (1 + c)/sqrt(4c - a^2) of a block. *)
Definition prefactor (a c : R) : R := 2 * (1 + c) / sqrt (4 * c - a * a).

(** The same with the roots: |M^k v| <= C rho^k |v|, rho = sqrt c, C = 2 (1 + c)/sqrt(4c - a^2). *)
Theorem underdamped_powers a c k v : 0 <= c -> a * a < 4 * c ->
  pnorm (power (block a c) k v) <= prefactor a c * sqrt c ^ k * pnorm v.
Proof.
  intros Hc Ha. set (g := 4 * c - a * a). assert (Hg : 0 < g) by (unfold g; lra).
  assert (Hs : 0 < sqrt g) by now apply sqrt_lt_R0.
  assert (Es : sqrt g * sqrt g = g) by (apply sqrt_sqrt; lra).
  assert (Ec : sqrt c ^ k * sqrt c ^ k = c ^ k) by (now rewrite <- Rpow_mult_distr, sqrt_sqrt).
  assert (Pc : 0 <= sqrt c ^ k) by (apply pow_le, sqrt_pos).
  assert (N : 0 <= prefactor a c * sqrt c ^ k * pnorm v).
  { unfold prefactor. fold g. repeat apply Rmult_le_pos; try lra; [|apply pnorm_nonneg].
    apply Rlt_le. now apply Rinv_0_lt_compat. }
  apply Rsqr_incr_0_var; [|assumption]. unfold Rsqr. rewrite pnorm_sq.
  replace (prefactor a c * sqrt c ^ k * pnorm v * (prefactor a c * sqrt c ^ k * pnorm v))
    with (4 * (1 + c) * (1 + c) / (sqrt g * sqrt g) * (sqrt c ^ k * sqrt c ^ k) * (pnorm v * pnorm v))
    by (unfold prefactor; fold g; field; lra).
  rewrite Es, Ec, pnorm_sq.
  pose proof (underdamped_powers_sq a c k v Hc Ha) as B. fold g in B.
  apply (Rmult_le_reg_l g); [assumption|].
  replace (g * (4 * (1 + c) * (1 + c) / g * c ^ k * sqnorm v)) with (4 * (1 + c) * (1 + c) * c ^ k * sqnorm v)
    by (field; lra).
  assumption.
Qed.
