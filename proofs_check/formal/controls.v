(** The false variants, shown false by rational counterexamples: one sample, H = (h), kappa and the power explicit.

    They show that the constants of powers.v are not slack by accident, and that the statements can fail. *)

From Coq Require Import Reals Lra Lia.
From NagNtk Require Import vectors matrices blocks companion tunings powers.
Open Scope R_scope.

(** The 1 x 1 matrix (h). *)
Definition single (h : R) : mat := fun _ _ => h.

Lemma single_spectrum h lo hi : lo <= h <= hi -> spectrum_within 1 (single h) lo hi.
Proof.
  intros L. split; [intros i j _ _; reflexivity|]. intros x. unfold dot, mul, single. simpl.
  pose proof (Rle_0_sqr (x O)) as Q. unfold Rsqr in Q. nra.
Qed.

Definition entries (v : state) : pair := (fst v O, snd v O).

(** On one sample the companion matrix is its block. *)
Lemma single_power p h k v : entries (power (companion 1 p (single h)) k v) = power (block (trace p h) (det p h)) k (entries v).
Proof.
  induction k as [|k IH]; [reflexivity|]. simpl. rewrite <- IH.
  unfold entries, block, companion, vadd, vscal, mul, single, trace, det. simpl. f_equal. ring.
Qed.

Lemma single_norm v : norm2 1 v = pnorm (entries v).
Proof. unfold norm2, pnorm, dot2, sqnorm, dot, entries. simpl. f_equal. ring. Qed.

(** The start V = (1, 0). *)
Definition unit_start : state := (fun _ => 1, fun _ => 0).

Lemma unit_start_norm : norm2 1 unit_start = 1.
Proof. rewrite single_norm. unfold pnorm, sqnorm, entries, unit_start. simpl.
  replace (1 * 1 + 0 * 0) with 1 by ring. apply sqrt_1. Qed.

(** A claim |M^k V| <= b is refuted when b^2 < |M^k V|^2. *)
Lemma refuted v b : b * b < sqnorm (entries v) -> norm2 1 v <= b -> False.
Proof.
  intros L B. rewrite single_norm in B. pose proof (pnorm_sq (entries v)) as E. pose proof (pnorm_nonneg (entries v)). nra.
Qed.

(** Rewrites trace and determinant to the given numbers and multiplies out the power. *)
Ltac refute T D :=
  eapply refuted; [|eassumption]; rewrite unit_start_norm, single_power;
  replace (trace _ _) with T by (symmetry; assumption); replace (det _ _) with D by (symmetry; assumption);
  unfold sqnorm, entries, unit_start, block; simpl.

Lemma root_one : sqrt (kappa 1 1) = 1.
Proof. unfold kappa, Rdiv. rewrite Rinv_1, Rmult_1_r. apply sqrt_1. Qed.

(** kappa = 100/81 has the root 10/9. *)
Lemma root_ten_ninths : sqrt (kappa 1 (100 / 81)) = 10 / 9.
Proof.
  unfold kappa. replace (100 / 81 / 1) with (10 / 9 * (10 / 9)) by field. apply sqrt_square. lra.
Qed.

(** nesterov-matrix, control "eight": 8 sqrt kappa in place of 12 sqrt kappa.  At kappa = 1, k = 4. *)
Theorem nesterov_eight_is_false : ~ (forall n H lo hi k v, 0 < lo -> lo <= hi -> spectrum_within n H lo hi ->
  norm2 n (power (companion n (nesterov lo hi) H) k v)
  <= 8 * sqrt (kappa lo hi) * (1 - 2 / (3 * sqrt (kappa lo hi))) ^ k * norm2 n v).
Proof.
  intros Claim. pose proof (Claim 1%nat (single 1) 1 1 4%nat unit_start ltac:(lra) ltac:(lra) (single_spectrum 1 1 1 ltac:(lra))) as C.
  assert (T : trace (nesterov 1 1) 1 = 3 / 5) by (unfold trace, nesterov, nesterov_beta; simpl; rewrite root_one; field).
  assert (D : det (nesterov 1 1) 1 = 1 / 10) by (unfold det, nesterov, nesterov_beta; simpl; rewrite root_one; field).
  rewrite root_one in C. refute (3 / 5) (1 / 10). lra.
Qed.

(** The same with the exact rate rho = sqrt(beta (1 - eta lo)): even then 8 sqrt kappa is too small.  At k = 3. *)
Theorem nesterov_eight_is_false_at_its_own_rate : ~ (forall n H lo hi k v, 0 < lo -> lo <= hi -> spectrum_within n H lo hi ->
  norm2 n (power (companion n (nesterov lo hi) H) k v)
  <= 8 * sqrt (kappa lo hi) * sqrt (det (nesterov lo hi) lo) ^ k * norm2 n v).
Proof.
  intros Claim. pose proof (Claim 1%nat (single 1) 1 1 3%nat unit_start ltac:(lra) ltac:(lra) (single_spectrum 1 1 1 ltac:(lra))) as C.
  assert (T : trace (nesterov 1 1) 1 = 3 / 5) by (unfold trace, nesterov, nesterov_beta; simpl; rewrite root_one; field).
  assert (D : det (nesterov 1 1) 1 = 1 / 10) by (unfold det, nesterov, nesterov_beta; simpl; rewrite root_one; field).
  rewrite root_one, D in C. pose proof (sqrt_sqrt (1 / 10) ltac:(lra)) as Q. set (s := sqrt (1 / 10)) in *. clearbody s.
  refute (3 / 5) (1 / 10).
  match goal with |- ?x < _ => replace x with (64 * ((s * s) * (s * s) * (s * s))) by ring end. rewrite Q. lra.
Qed.

(** nesterov-matrix, control "fast": rate 1 - 1/sqrt kappa.  At kappa = 100/81, k = 2. *)
Theorem nesterov_fast_is_false : ~ (forall n H lo hi k v, 0 < lo -> lo <= hi -> spectrum_within n H lo hi ->
  norm2 n (power (companion n (nesterov lo hi) H) k v)
  <= 12 * sqrt (kappa lo hi) * (1 - 1 / sqrt (kappa lo hi)) ^ k * norm2 n v).
Proof.
  intros Claim.
  pose proof (Claim 1%nat (single 1) 1 (100 / 81) 2%nat unit_start ltac:(lra) ltac:(lra) (single_spectrum 1 1 (100 / 81) ltac:(lra))) as C.
  assert (T : trace (nesterov 1 (100 / 81)) 1 = 119 / 160).
  { unfold trace, nesterov, nesterov_beta. simpl. rewrite root_ten_ninths. field. }
  assert (D : det (nesterov 1 (100 / 81)) 1 = 119 / 800).
  { unfold det, nesterov, nesterov_beta. simpl. rewrite root_ten_ninths. field. }
  rewrite root_ten_ninths in C. refute (119 / 160) (119 / 800). lra.
Qed.

(** nesterov-matrix, control "fixed-beta": momentum 9/10 for every kappa.  At kappa = 1, k = 3. *)
Theorem nesterov_fixed_beta_is_false : ~ (forall n H lo hi k v, 0 < lo -> lo <= hi -> spectrum_within n H lo hi ->
  norm2 n (power (companion n (Method (1 / (2 * hi)) (9 / 10) (9 / 10)) H) k v)
  <= 12 * sqrt (kappa lo hi) * (1 - 2 / (3 * sqrt (kappa lo hi))) ^ k * norm2 n v).
Proof.
  intros Claim. pose proof (Claim 1%nat (single 1) 1 1 3%nat unit_start ltac:(lra) ltac:(lra) (single_spectrum 1 1 1 ltac:(lra))) as C.
  assert (T : trace (Method (1 / (2 * 1)) (9 / 10) (9 / 10)) 1 = 19 / 20) by (unfold trace; simpl; field).
  assert (D : det (Method (1 / (2 * 1)) (9 / 10) (9 / 10)) 1 = 9 / 20) by (unfold det; simpl; field).
  rewrite root_one in C. refute (19 / 20) (9 / 20). lra.
Qed.

(** heavy-ball-matrix, control "root-two": C = sqrt 2 (1 + beta)/sqrt(min h) in place of 2 (1 + beta)/sqrt(min h).
    At kappa = 1, k = 1, where h = 15/16. *)
Theorem heavy_ball_root_two_is_false : ~ (forall n H lo hi k v, 0 < lo -> lo <= hi -> spectrum_within n H lo hi ->
  norm2 n (power (companion n (heavy_ball lo hi) H) k v)
  <= sqrt 2 * (1 + beta (heavy_ball lo hi)) / sqrt (Rmin (gap (heavy_ball lo hi) lo) (gap (heavy_ball lo hi) hi))
     * (1 - 1 / (2 * sqrt (kappa lo hi))) ^ k * norm2 n v).
Proof.
  intros Claim. pose proof (Claim 1%nat (single 1) 1 1 1%nat unit_start ltac:(lra) ltac:(lra) (single_spectrum 1 1 1 ltac:(lra))) as C.
  assert (B : beta (heavy_ball 1 1) = 1 / 4) by (unfold heavy_ball, heavy_ball_beta; simpl; rewrite root_one; field).
  assert (T : trace (heavy_ball 1 1) 1 = 1 / 4) by (unfold trace; rewrite B; unfold heavy_ball; simpl; field).
  assert (D : det (heavy_ball 1 1) 1 = 1 / 4) by (unfold det; rewrite B; unfold heavy_ball; simpl; field).
  assert (G : gap (heavy_ball 1 1) 1 = 15 / 16) by (unfold gap; rewrite T, D; field).
  rewrite G, B, root_one, Rmin_left in C by lra.
  pose proof (sqrt_sqrt 2 ltac:(lra)) as Q. pose proof (sqrt_sqrt (15 / 16) ltac:(lra)) as P.
  assert (P0 : 0 < sqrt (15 / 16)) by (apply sqrt_lt_R0; lra).
  set (s := sqrt 2) in *. set (g := sqrt (15 / 16)) in *. clearbody s g.
  refute (1 / 4) (1 / 4).
  match goal with |- ?x < _ => replace x with ((s * s) * (25 / 64) / (g * g)) by (field; lra) end. rewrite Q, P. lra.
Qed.

(** heavy-ball-matrix, control "small": 1.9 sqrt kappa in place of 4 sqrt kappa.  At kappa = 1, k = 1. *)
Theorem heavy_ball_small_is_false : ~ (forall n H lo hi k v, 0 < lo -> lo <= hi -> spectrum_within n H lo hi ->
  norm2 n (power (companion n (heavy_ball lo hi) H) k v)
  <= 19 / 10 * sqrt (kappa lo hi) * (1 - 1 / (2 * sqrt (kappa lo hi))) ^ k * norm2 n v).
Proof.
  intros Claim. pose proof (Claim 1%nat (single 1) 1 1 1%nat unit_start ltac:(lra) ltac:(lra) (single_spectrum 1 1 1 ltac:(lra))) as C.
  assert (T : trace (heavy_ball 1 1) 1 = 1 / 4) by (unfold trace, heavy_ball, heavy_ball_beta; simpl; rewrite root_one; field).
  assert (D : det (heavy_ball 1 1) 1 = 1 / 4) by (unfold det, heavy_ball, heavy_ball_beta; simpl; rewrite root_one; field).
  rewrite root_one in C. refute (1 / 4) (1 / 4). lra.
Qed.

(** heavy-ball-matrix, control "fast": rate 1 - 1/sqrt kappa.  At kappa = 100/81, k = 1. *)
Theorem heavy_ball_fast_is_false : ~ (forall n H lo hi k v, 0 < lo -> lo <= hi -> spectrum_within n H lo hi ->
  norm2 n (power (companion n (heavy_ball lo hi) H) k v)
  <= 4 * sqrt (kappa lo hi) * (1 - 1 / sqrt (kappa lo hi)) ^ k * norm2 n v).
Proof.
  intros Claim.
  pose proof (Claim 1%nat (single 1) 1 (100 / 81) 1%nat unit_start ltac:(lra) ltac:(lra) (single_spectrum 1 1 (100 / 81) ltac:(lra))) as C.
  assert (T : trace (heavy_ball 1 (100 / 81)) 1 = 197 / 400).
  { unfold trace, heavy_ball, heavy_ball_beta. simpl. rewrite root_ten_ninths. field. }
  assert (D : det (heavy_ball 1 (100 / 81)) 1 = 121 / 400).
  { unfold det, heavy_ball, heavy_ball_beta. simpl. rewrite root_ten_ninths. field. }
  rewrite root_ten_ninths in C. refute (197 / 400) (121 / 400). lra.
Qed.

(** gd-matrix, control "double-rate": rate 1 - 2/kappa.  At kappa = 4, k = 1. *)
Theorem gradient_descent_double_rate_is_false : ~ (forall n H lo hi k x, 0 < lo -> lo <= hi -> spectrum_within n H lo hi ->
  norm n (power (descend n (eta (gradient_descent lo hi)) H) k x) <= (1 - 2 / kappa lo hi) ^ k * norm n x).
Proof.
  intros Claim.
  pose proof (Claim 1%nat (single 1) 1 4 1%nat (fun _ => 1) ltac:(lra) ltac:(lra) (single_spectrum 1 1 4 ltac:(lra))) as C.
  assert (N1 : norm 1 (fun _ => 1) = 1).
  { unfold norm. replace (dot 1 _ _) with 1 by (unfold dot; simpl; ring). apply sqrt_1. }
  assert (N2 : norm 1 (power (descend 1 (eta (gradient_descent 1 4)) (single 1)) 1 (fun _ => 1)) = 3 / 4).
  { unfold norm. replace (dot 1 _ _) with (3 / 4 * (3 / 4)); [apply sqrt_square; lra|].
    unfold dot, descend, gradient_descent, vadd, vscal, mul, single. simpl. field. }
  rewrite N1, N2 in C. unfold kappa in C. lra.
Qed.
