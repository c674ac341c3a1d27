(** Flip inclusion: only neurons near a boundary change their pattern.

    As long as every neuron is within [rad] of its start, a pattern at x_i that differs from the initial one belongs to
    a neuron of S_i(rad) = {r : |w_r(0) . x_i| <= rad}.  Purely deterministic: Cauchy-Schwarz with |x_i| = 1. *)

From Coq Require Import Reals Lra Lia.
From NagNtk Require Import vectors matrices companion network.
Open Scope R_scope.

Section Flips.
Variable net : network.
Hypothesis ok : proper net.
Let n := samples net.
Let m := width net.

(** flip-inclusion: the pattern of neuron r at x_i differs from the initial one only if r is in S_i(rad). *)
Theorem flip_inclusion rad W0 W r i : (r < m)%nat -> (i < n)%nat -> in_ball net rad W0 W ->
  pattern net W r i <> pattern net W0 r i -> Rabs (pre net W0 r i) <= rad.
Proof.
  intros Hr Hi B F. pose proof (pre_moves net ok W0 W r i Hi) as P. pose proof (B r Hr) as Q.
  assert (K : Rabs (pre net W r i - pre net W0 r i) <= rad) by lra.
  unfold pattern, active in F. apply Rabs_le. unfold Rabs in K. destruct (Rcase_abs _) in K;
    destruct (Rle_dec 0 (pre net W r i)), (Rle_dec 0 (pre net W0 r i)); try (now contradiction F); lra.
Qed.

(** The same in the form used below: off S_i(rad) the pattern is the initial one. *)
Corollary pattern_kept rad W0 W r i : (r < m)%nat -> (i < n)%nat -> in_ball net rad W0 W ->
  near net rad W0 r i = 0 -> pattern net W r i = pattern net W0 r i.
Proof.
  intros Hr Hi B N. destruct (Req_dec (pattern net W r i) (pattern net W0 r i)) as [E|E]; [assumption|].
  exfalso. pose proof (flip_inclusion rad W0 W r i Hr Hi B E) as L. unfold near in N.
  destruct (Rle_dec (Rabs (pre net W0 r i)) rad); lra.
Qed.

(** 1 where the pattern of r at x_i differs from the initial one, else 0. *)
Definition flipped (W0 W : weights) (r i : nat) : R :=
  Rabs (pattern net W r i - pattern net W0 r i).

Lemma pattern_cases W r i : pattern net W r i = 0 \/ pattern net W r i = 1.
Proof. apply active_cases. Qed.

Lemma flipped_le_near rad W0 W r i : (r < m)%nat -> (i < n)%nat -> in_ball net rad W0 W ->
  flipped W0 W r i <= near net rad W0 r i.
Proof.
  intros Hr Hi B. unfold flipped. destruct (near_cases net rad W0 r i) as [N|N]; rewrite N.
  - rewrite (pattern_kept rad W0 W r i Hr Hi B N), Rminus_diag_eq, Rabs_R0; [lra|reflexivity].
  - destruct (pattern_cases W r i) as [->| ->], (pattern_cases W0 r i) as [->| ->];
      unfold Rabs; destruct Rcase_abs; lra.
Qed.

(** The number of flipped pairs (r, i) is at most the sum of |S_i(rad)|; divided by n m, the claim of flip-fraction. *)
Theorem flip_fraction rad W0 W : in_ball net rad W0 W ->
  sum n (fun i => sum m (fun r => flipped W0 W r i)) / (INR n * INR m)
  <= sum n (fun i => near_count net rad W0 i / INR m) / INR n.
Proof.
  intros B. destruct (Nat.eq_dec n 0) as [Z|Z].
  - rewrite Z. simpl. unfold Rdiv. rewrite !Rmult_0_l. lra.
  - assert (P : 0 < INR n) by (apply lt_0_INR; lia). pose proof (width_pos net ok) as Q. fold m in Q.
    assert (E : sum n (fun i => near_count net rad W0 i / INR m) / INR n
      = sum n (fun i => near_count net rad W0 i) / (INR n * INR m)).
    { set (S1 := sum n (fun i => near_count net rad W0 i)).
      assert (E1 : sum n (fun i => near_count net rad W0 i / INR m) = S1 * / INR m) by apply sum_scal_r.
      rewrite E1. field. split; lra. }
    rewrite E. apply Rmult_le_compat_r; [apply Rlt_le, Rinv_0_lt_compat, Rmult_lt_0_compat; assumption|].
    apply sum_le. intros i Hi. apply sum_le. intros r Hr. now apply flipped_le_near.
Qed.

(** With |S_i(rad)| <= 4 m rad, the conclusion of flip-count, the share of flips is at most 4 rad. *)
Corollary flip_fraction_linear rad W0 W : (0 < n)%nat -> in_ball net rad W0 W ->
  (forall i, (i < n)%nat -> near_count net rad W0 i <= flip_count_bound net rad) ->
  sum n (fun i => sum m (fun r => flipped W0 W r i)) / (INR n * INR m) <= 4 * rad.
Proof.
  intros Z B S. eapply Rle_trans; [exact (flip_fraction rad W0 W B)|].
  assert (P : 0 < INR n) by now apply lt_0_INR. pose proof (width_pos net ok) as Q. fold m in Q.
  apply (Rmult_le_reg_r (INR n)); [assumption|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  rewrite (Rmult_comm (4 * rad)), <- sum_const. apply sum_le. intros i Hi.
  apply (Rmult_le_reg_r (INR m)); [assumption|]. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  pose proof (S i Hi) as F. unfold flip_count_bound in F. fold m in F. lra.
Qed.

End Flips.
