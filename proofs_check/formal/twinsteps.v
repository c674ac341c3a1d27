(** The tie of certificates at initialisation, continued: right-hand sides of their conditions, counts, and one recursion. *)

From Coq Require Import Reals Lra Lia Bool QArith Qreals List.
From NagNtk Require Import vectors matrices companion network filters outputs counts responses deviation flipset initial twin.
Import ListNotations.
Open Scope R_scope.

Section Size.
Variable n : nat.
Local Notation q_ahead := (q_ahead n).
Local Notation reads := (reads n).
Local Notation view_reads := (view_reads n).
Local Notation ahead_reads := (ahead_reads n).

(** ** Right-hand sides: what the state of the start gives, and what jumps f and errors e add *)

Definition q_linear (o : q_view) (push : Q) (x0 : nat -> Q) (i : nat) : Q :=
  q_sum n (fun j => (q_x o i j * x0 j + q_q o i j * (- push * x0 j))%Q).
Definition q_driven (H : q_mat) (b p l c : Q) (o : q_view) (f e : nat -> nat -> Q) (t i : nat) : Q :=
  q_sum t (fun s => let u := q_ahead H b p l c o (t - S s) in
    q_sum n (fun j => (q_abs (q_x u i j) * f s j + q_abs (q_to_mask p l u i j) * e s j)%Q)).

(** The twin of the linear model from xi(0), as a view sees it. *)
Theorem linear_reads o u push x0 i : view_reads o u -> (i < n)%nat ->
  seen n u (fun j => Q2R (x0 j)) (fun j => - Q2R push * Q2R (x0 j)) (fun _ => 0) i = Q2R (q_linear o push x0 i).
Proof.
  intros [Ex [Eq _]] Hi. unfold seen, q_linear, mul. rewrite read_sum.
  rewrite (sum_ext n (fun j => of_v u i j * 0) (fun _ => 0)) by (intros; ring). rewrite sum_zero, Rplus_0_r, <- sum_plus.
  apply sum_ext. intros j Hj. rewrite Q2R_plus, !Q2R_mult, Q2R_opp, Ex, Eq by assumption. ring.
Qed.

(** The twin of what jumps below f and errors of masks below e add. *)
Theorem driven_reads net p W HQ b a l c o u f e t i :
  n = samples net -> reads HQ (gram net (W O)) -> beta p = Q2R b -> push_now p = Q2R a -> push_later p = Q2R l ->
  view_reads o u -> (i < n)%nat ->
  driven net p W (Q2R c) u (fun s j => Q2R (f s j)) (fun s j => Q2R (e s j)) t i = Q2R (q_driven HQ b a l c o f e t i).
Proof.
  intros En EH Eb Ea El Eu Hi. unfold driven, q_driven. rewrite read_sum, <- En, Eb, Ea, El. apply sum_ext. intros s _.
  cbv zeta. rewrite read_sum. unfold mul. rewrite <- sum_plus. apply sum_ext. intros j Hj.
  destruct (ahead_reads HQ (gram net (W O)) b a l c o u (t - S s) EH Eu) as [Ex [_ Ev]].
  rewrite Q2R_plus, !Q2R_mult, !read_abs. unfold q_to_mask. rewrite Q2R_plus, !Q2R_mult, Ex, Ev by assumption.
  unfold mabs, to_jump, to_mask, madd, mscal. reflexivity.
Qed.
End Size.

(** ** Counts: first patterns A, pairs F that may have flipped, K *)

(** The largest sum over a subset of samples, b of the comparison theorem. *)
Definition q_widest (n : nat) (K : q_mat) (x : nat -> Q) (i : nat) : Q :=
  q_max (q_sum n (fun j => q_max 0 (K i j * x j))) (q_sum n (fun j => q_max 0 (- (K i j * x j)))).

(** The twin of the widest reach b. *)
Theorem widest_reads n net K x i : n = samples net ->
  (forall i j, (i < n)%nat -> (j < n)%nat -> kernel net i j = Q2R (K i j)) -> (i < n)%nat ->
  widest net (fun j => Q2R (x j)) i = Q2R (q_widest n K x i).
Proof.
  intros En Ek Hi. unfold widest, q_widest. rewrite <- En, read_max, !read_sum.
  f_equal; apply sum_ext; intros j Hj; rewrite read_max, ?Q2R_opp, Q2R_mult, Q2R_zero, Ek by assumption; reflexivity.
Qed.

Section Counts.
Variables (K : q_mat) (m : nat) (A F : nat -> nat -> bool).
Definition q_share (x : Q) : Q := (x * / inject_Z (Z.of_nat m))%Q.
Definition q_mask_count : q_mat := fun i j =>
  if Nat.eqb i j then 0%Q else (q_abs (K i j) * q_share (q_sum m (fun r => q_bit (A r i) * q_bit (F r j))))%Q.
Definition q_half_count : q_mat := fun i j =>
  (q_abs (K i j) * q_share (q_sum m (fun r => q_bit (F r i) * (q_bit (A r j) * q_bit (negb (F r j))))))%Q.
Definition q_both_count : q_mat := fun i j =>
  (q_abs (K i j) * q_share (q_sum m (fun r => q_bit (F r i) * q_bit (F r j))))%Q.
(** B of the comparison theorem. *)
Definition q_touched (r i j : nat) : bool := ((F r i || F r j) && (F r i || A r i) && (F r j || A r j))%bool.
Definition q_deviation_count : q_mat := fun i j => (q_abs (K i j) * q_share (q_sum m (fun r => q_bit (q_touched r i j))))%Q.
End Counts.

Section Counted.
Variables (net : network) (W : nat -> weights) (K : q_mat) (A : nat -> nat -> bool) (may : nat -> nat -> nat -> bool) (t : nat).
Hypothesis some : (0 < width net)%nat.
Hypothesis kernel_read : forall i j, (i < samples net)%nat -> (j < samples net)%nat -> kernel net i j = Q2R (K i j).
Hypothesis patterns_read : forall r i, (r < width net)%nat -> (i < samples net)%nat -> first net W r i = bit (A r i).
Let m := width net.

Lemma share_reads x : / INR m * Q2R x = Q2R (q_share m x).
Proof.
  unfold q_share. rewrite Q2R_mult, Q2R_inv.
  - assert (E : Q2R (inject_Z (Z.of_nat m)) = INR m) by (unfold Q2R, inject_Z; simpl; rewrite INR_IZR_INZ; field).
    rewrite E. ring.
  - intros E. apply Qeq_eqR in E. unfold Q2R, inject_Z in E. simpl in E. rewrite <- INR_IZR_INZ in E.
    pose proof (lt_0_INR m some). lra.
Qed.

(** The twins of the counts: of errors of masks, of neurons with one flipped sample, with both, and B of the comparison. *)
Theorem counts_read i j : (i < samples net)%nat -> (j < samples net)%nat ->
  mask_count net W may t i j = Q2R (q_mask_count K m A (may t) i j)
  /\ half_count net W may t i j = Q2R (q_half_count K m A (may t) i j)
  /\ both_count net may t i j = Q2R (q_both_count K m (may t) i j)
  /\ deviation_count net W may t i j = Q2R (q_deviation_count K m A (may t) i j).
Proof.
  intros Hi Hj. unfold mask_count, half_count, both_count, deviation_count, q_mask_count, q_half_count, q_both_count, q_deviation_count.
  fold m. repeat split.
  - unfold off. destruct (Nat.eqb i j); [rewrite Rabs_R0, Q2R_zero; ring|].
    rewrite Q2R_mult, read_abs, <- share_reads, read_sum, <- kernel_read by assumption. f_equal. f_equal. apply sum_ext. intros r Hr.
    now rewrite Q2R_mult, !read_bit, patterns_read.
  - rewrite Q2R_mult, read_abs, <- share_reads, read_sum, <- kernel_read by assumption. f_equal. f_equal. apply sum_ext. intros r Hr.
    now rewrite !Q2R_mult, !read_bit, patterns_read.
  - rewrite Q2R_mult, read_abs, <- share_reads, read_sum, <- kernel_read by assumption. f_equal. f_equal. apply sum_ext. intros r Hr.
    now rewrite Q2R_mult, !read_bit.
  - rewrite Q2R_mult, read_abs, <- share_reads, read_sum, <- kernel_read by assumption. f_equal. f_equal. apply sum_ext. intros r Hr.
    rewrite read_bit. unfold touched, q_touched. rewrite !patterns_read by assumption.
    destruct (A r i), (A r j); simpl bit; destruct (Req_EM_T 1 1) as [_|Z], (Req_EM_T 0 1) as [Y|_]; try lra; reflexivity.
Qed.
End Counted.

(** ** What the test evaluates *)

(** From X(0), ..., X(T) and the pairs that may have flipped by each step: per step t < T the right-hand sides of the
    conditions of initial.steps,
      mu(t),  e(t),  D(t),  f(t),  dS(t+1),  X(t+1). *)
Section Evaluated.
Variables (n m : nat) (K H : q_mat) (A : nat -> nat -> bool) (F : nat -> nat -> nat -> bool) (b p l push : Q).
Variables (xi : nat -> Q) (X : nat -> nat -> Q).
Definition q_list (f : nat -> Q) : list Q := map (fun i => Qred (f i)) (seq 0 n).
Definition q_step (done : list (list Q * list Q)) (t : nat) : list (list Q) :=
  let f := fun s j => nth j (fst (nth s done ([], []))) 0%Q in
  let e := fun s j => nth j (snd (nth s done ([], []))) 0%Q in
  let rises := q_rise_view p in
  let mu := q_list (fun j => q_rise b p (q_abs l) (push * X O j)%Q (fun s => X s j) t) in
  let e_now := q_list (fun i => q_sum n (fun j => (q_mask_count K m A (F t) i j * X t j)%Q)) in
  let D := q_list (fun i => (q_abs (q_linear n (q_ahead n H b p l 0 rises t) push xi i)
                             + q_driven n H b p l 0 rises f e t i)%Q) in
  let f_now := q_list (fun i => q_sum n (fun j =>
    (q_half_count K m A (F (S t)) i j * q_min (nth j D 0%Q) (nth j mu 0%Q) + q_both_count K m (F (S t)) i j * nth j mu 0%Q)%Q)) in
  let f' := fun s j => if Nat.eqb s t then nth j f_now 0%Q else f s j in
  let e' := fun s j => if Nat.eqb s t then nth j e_now 0%Q else e s j in
  let dS := q_list (fun i => q_driven n H b p l 1 rises f e t i) in
  let next := q_list (fun i => (q_abs (q_linear n (q_ahead n H b p l 0 q_residual_view (S t)) push xi i)
                                + q_driven n H b p l 0 q_residual_view f' e' (S t) i)%Q) in
  [mu; e_now; D; f_now; dS; next].
Fixpoint q_steps (T : nat) : list (list (list Q)) :=
  match T with
  | O => []
  | S t => let before := q_steps t in
      before ++ [q_step (map (fun row => (nth 3 row [], nth 1 row [])) before) t]
  end.
End Evaluated.
