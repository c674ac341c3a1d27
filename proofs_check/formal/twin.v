(** The tie of certificates at initialisation: rational twins of their filters, responses, counts and right-hand sides.

    Each twin is proved equal to what the theorems speak of, and Coq can evaluate it; a test does so with the numbers of a
    certificate and compares them with what the program in Python computed. *)

From Coq Require Import Reals Lra Lia Bool QArith Qreals List.
From NagNtk Require Import vectors matrices companion network filters outputs counts responses initial.
Import ListNotations.
Open Scope R_scope.

Lemma Q2R_zero : Q2R 0 = 0.
Proof. unfold Q2R. simpl. lra. Qed.
Lemma Q2R_one : Q2R 1 = 1.
Proof. unfold Q2R. simpl. lra. Qed.

(** ** Numbers *)

Fixpoint q_sum (n : nat) (f : nat -> Q) : Q := match n with O => 0%Q | S k => Qred (q_sum k f + f k) end.
Definition q_abs (x : Q) : Q := if Qle_bool 0 x then x else (- x)%Q.
Definition q_min (x y : Q) : Q := if Qle_bool x y then x else y.
Definition q_max (x y : Q) : Q := if Qle_bool x y then y else x.
Definition q_bit (c : bool) : Q := if c then 1%Q else 0%Q.

Lemma read_red x : Q2R (Qred x) = Q2R x.
Proof. apply Qeq_eqR, Qred_correct. Qed.

Lemma read_sum n f : Q2R (q_sum n f) = sum n (fun i => Q2R (f i)).
Proof.
  induction n as [|n IH]; [apply Q2R_zero|]. cbn [q_sum sum]. now rewrite read_red, Q2R_plus, IH.
Qed.

Lemma read_abs x : Q2R (q_abs x) = Rabs (Q2R x).
Proof.
  unfold q_abs. destruct (Qle_bool 0 x) eqn:E.
  - apply Qle_bool_iff, Qle_Rle in E. rewrite Q2R_zero in E. now rewrite Rabs_pos_eq.
  - rewrite Q2R_opp, Rabs_left1; [reflexivity|]. destruct (Rle_or_lt (Q2R x) 0) as [L|L]; [assumption|].
    apply Rlt_le in L. rewrite <- Q2R_zero in L. apply Rle_Qle, Qle_bool_iff in L. congruence.
Qed.

Lemma read_min x y : Q2R (q_min x y) = Rmin (Q2R x) (Q2R y).
Proof.
  unfold q_min. destruct (Qle_bool x y) eqn:E.
  - apply Qle_bool_iff, Qle_Rle in E. now rewrite Rmin_left.
  - rewrite Rmin_right; [reflexivity|]. destruct (Rle_or_lt (Q2R y) (Q2R x)) as [L|L]; [assumption|].
    apply Rlt_le, Rle_Qle, Qle_bool_iff in L. congruence.
Qed.

Lemma read_max x y : Q2R (q_max x y) = Rmax (Q2R x) (Q2R y).
Proof.
  unfold q_max. destruct (Qle_bool x y) eqn:E.
  - apply Qle_bool_iff, Qle_Rle in E. now rewrite Rmax_right.
  - rewrite Rmax_left; [reflexivity|]. destruct (Rle_or_lt (Q2R y) (Q2R x)) as [L|L]; [assumption|].
    apply Rlt_le, Rle_Qle, Qle_bool_iff in L. congruence.
Qed.

Lemma read_bit c : Q2R (q_bit c) = bit c.
Proof. destruct c; simpl; [apply Q2R_one|apply Q2R_zero]. Qed.

(** ** Filters: mu and M *)

Fixpoint q_filter (b p l q0 : Q) (g : nat -> Q) (t : nat) : Q * Q :=
  match t with
  | O => (0%Q, q0)
  | S s => let now := q_filter b p l q0 g s in
      (Qred (fst now + snd now + p * g s), Qred (b * snd now + l * g s))
  end.
Definition q_rise (b p l q0 : Q) (g : nat -> Q) (t : nat) : Q := Qred (snd (q_filter b p l q0 g t) + p * g t).

(** The twin of a filter: S(t) and q(t). *)
Theorem filter_reads b p l q0 g t :
  filter (Q2R b) (Q2R p) (Q2R l) (Q2R q0) (fun s => Q2R (g s)) t
  = (Q2R (fst (q_filter b p l q0 g t)), Q2R (snd (q_filter b p l q0 g t))).
Proof.
  induction t as [|t IH]; [simpl; now rewrite Q2R_zero|]. cbn [filter q_filter]. cbv zeta.
  rewrite IH. cbn [fst snd]. now rewrite !read_red, !Q2R_plus, !Q2R_mult.
Qed.

(** The twin of mu(t+1) = Q(t) + p X(t). *)
Theorem rise_reads b p l q0 g t :
  rise (Q2R b) (Q2R p) (Q2R l) (Q2R q0) (fun s => Q2R (g s)) t = Q2R (q_rise b p l q0 g t).
Proof. unfold rise, q_rise. rewrite filter_reads. cbn [snd]. now rewrite read_red, Q2R_plus, Q2R_mult. Qed.

(** ** Responses: Y, R and their filters *)

Definition q_mat := nat -> nat -> Q.
Record q_view := QView { q_x : q_mat; q_q : q_mat; q_v : q_mat }.

Definition q_eye : q_mat := fun i j => if Nat.eqb i j then 1%Q else 0%Q.
Definition q_residual_view : q_view := QView q_eye (fun _ _ => 0%Q) (fun _ _ => 0%Q).
Definition q_rise_view (p : Q) : q_view := QView (fun i j => p * q_eye i j)%Q q_eye (fun _ _ => 0%Q).

Section Size.
Variable n : nat.

(** Rows as lists of values, so that each is computed once. *)
Definition q_table (A : q_mat) : q_mat :=
  let rows := map (fun i => map (fun j => Qred (A i j)) (seq 0 n)) (seq 0 n) in fun i j => nth j (nth i rows []) 0%Q.

Definition q_earlier (H : q_mat) (b p l c : Q) (o : q_view) : q_view :=
  let xh := q_table (fun i j => q_sum n (fun k => (q_x o i k * H k j)%Q)) in
  QView (q_table (fun i j => c * p * q_eye i j + q_x o i j + (- p * xh i j + l * q_q o i j))%Q)
        (q_table (fun i j => c * q_eye i j + (b * q_q o i j + - (1) * xh i j))%Q)
        (q_table (fun i j => q_x o i j + b * q_v o i j)%Q).
Fixpoint q_ahead (H : q_mat) (b p l c : Q) (o : q_view) (k : nat) : q_view :=
  match k with O => o | S j => q_earlier H b p l c (q_ahead H b p l c o j) end.
Definition q_to_mask (p l : Q) (o : q_view) : q_mat := fun i j => (p * q_x o i j + l * q_v o i j)%Q.

(** Equal entries, rows and columns below n. *)
Definition reads (A : q_mat) (B : mat) : Prop := forall i j, (i < n)%nat -> (j < n)%nat -> Q2R (A i j) = B i j.
Definition view_reads (o : q_view) (u : view) : Prop :=
  reads (q_x o) (of_x u) /\ reads (q_q o) (of_q u) /\ reads (q_v o) (of_v u).

Lemma nth_seq {A} (f : nat -> A) i d : (i < n)%nat -> nth i (map f (seq 0 n)) d = f i.
Proof.
  intros L. rewrite (nth_indep _ d (f O)) by now rewrite map_length, seq_length.
  rewrite map_nth, seq_nth by assumption. reflexivity.
Qed.

Lemma read_table A i j : (i < n)%nat -> (j < n)%nat -> Q2R (q_table A i j) = Q2R (A i j).
Proof. intros Hi Hj. unfold q_table. cbv zeta. rewrite !nth_seq by assumption. apply read_red. Qed.

Lemma read_eye i j : Q2R (q_eye i j) = eye i j.
Proof. unfold q_eye, eye. destruct (Nat.eqb i j); [apply Q2R_one|apply Q2R_zero]. Qed.

Lemma residual_view_reads : view_reads q_residual_view residual_view.
Proof.
  repeat split; intros i j _ _; cbn [q_x q_q q_v q_residual_view residual_view of_x of_q of_v]; unfold mscal;
    rewrite ?read_eye, ?Q2R_zero; ring.
Qed.

Lemma rise_view_reads p : view_reads (q_rise_view p) (rise_view (Q2R p)).
Proof.
  repeat split; intros i j _ _; cbn [q_x q_q q_v q_rise_view rise_view of_x of_q of_v]; unfold mscal;
    rewrite ?Q2R_mult, ?read_eye, ?Q2R_zero; ring.
Qed.

Lemma earlier_reads HQ H b p l c o u : reads HQ H -> view_reads o u ->
  view_reads (q_earlier HQ b p l c o) (earlier n H (Q2R b) (Q2R p) (Q2R l) (Q2R c) u).
Proof.
  intros EH [Ex [Eq Ev]].
  assert (P : reads (q_table (fun i j => q_sum n (fun k => (q_x o i k * HQ k j)%Q))) (product n (of_x u) H)).
  { intros i j Hi Hj. rewrite read_table, read_sum by assumption. unfold product. apply sum_ext. intros k Hk.
    now rewrite Q2R_mult, Ex, EH. }
  unfold q_earlier, earlier. cbv zeta. repeat split; intros i j Hi Hj; cbn [q_x q_q q_v of_x of_q of_v];
    rewrite read_table by assumption; unfold madd, mscal;
    repeat rewrite ?Q2R_plus, ?Q2R_mult, ?Q2R_opp; rewrite ?Q2R_one, ?read_eye, ?P, ?Ex, ?Eq, ?Ev by assumption; ring.
Qed.

(** The twin of every response: of the residual (Y), of the steps of its filter and of their sums (R). *)
Theorem ahead_reads HQ H b p l c o u k : reads HQ H -> view_reads o u ->
  view_reads (q_ahead HQ b p l c o k) (ahead n H (Q2R b) (Q2R p) (Q2R l) (Q2R c) u k).
Proof. intros EH E. induction k as [|k IH]; [exact E|]. cbn [q_ahead ahead]. now apply earlier_reads. Qed.
End Size.
