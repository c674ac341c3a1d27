(** Certificates at initialisation: bounds computed from the first weights alone prove that training converges.

    The steps up to T go by a recursion, in which every bound rests on earlier ones; all later steps by numbers zeta and
    delta that the linear model and the flips reproduce.  Nothing is assumed of the width. *)

From Coq Require Import Reals Lra Lia Bool FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion network filters outputs counts reach responses.
Open Scope R_scope.

Section Initial.
Variable net : network.
Hypothesis ok : proper net.
Variables (p : method) (push : R) (W : nat -> weights).
Hypothesis train : trained_from net p push W.
Hypothesis beta_nonneg : 0 <= beta p.
Hypothesis now_nonneg : 0 <= push_now p.
Hypothesis push_nonneg : 0 <= push.
Let n := samples net.
Let m := width net.
Let xi (t : nat) : vec := residual net (W t).
Let b := beta p.
Let a := push_now p.
Let l := push_later p.
Let H := gram net (W O).
Let q (t : nat) : vec := fun j => snd (filter b a l (- push * xi O j) (fun s => xi s j) t).

(** ** The linear model of H(0), from xi(0) and q(0) = - push xi(0) *)

Let response (c : R) (o : view) (k : nat) : view := ahead n H b a l c o k.
Definition linear (c : R) (o : view) (t : nat) : vec :=
  seen n (response c o t) (xi O) (fun j => - push * xi O j) (fun _ => 0).
Definition linear_residual : nat -> vec := linear 0 residual_view.
Definition linear_rise : nat -> vec := linear 0 (rise_view a).
Definition linear_total (t : nat) : vec := match t with O => fun _ => 0 | S s => linear 1 (rise_view a) s end.

(** What jumps below f and errors of masks below e add to what is looked at, in t steps. *)
Definition driven (c : R) (o : view) (f e : nat -> vec) (t : nat) : vec := fun i =>
  sum t (fun s => mul n (mabs (to_jump n H b a l c o (t - S s))) (f s) i
                + mul n (mabs (to_mask n H b a l c o (t - S s))) (e s) i).

(** Bounds of residual, jumps, masks' errors, steps and S - S_lin, and the pairs that may have flipped. *)
Variables X f e D dS : nat -> vec.
Variable may : nat -> nat -> nat -> bool.
Hypothesis may_grows : forall t r i, may t r i = true -> may (S t) r i = true.
Let mu := rise_bound_of p push X.

(** The recursion, step by step up to T. *)
Record steps (T : nat) : Prop := Steps {
  begins : forall i, (i < n)%nat -> Rabs (xi O i) <= X O i /\ 0 <= dS O i;
  masks : forall t i, (t < T)%nat -> (i < n)%nat -> mul n (mask_count net W may t) (X t) i <= e t i;
  rises : forall t i, (t < T)%nat -> (i < n)%nat ->
    Rabs (linear_rise t i) + driven 0 (rise_view a) f e t i <= D t i;
  totals : forall t i, (t < T)%nat -> (i < n)%nat -> driven 1 (rise_view a) f e t i <= dS (S t) i;
  margins : forall t r i, (t < T)%nat -> (r < m)%nat -> (i < n)%nat -> may (S t) r i = false ->
    reach net p W X may (S t) r i (linear_total (S t)) (dS (S t)) < Rabs (sqrt (INR m) * pre net (W O) r i);
  jumps : forall t i, (t < T)%nat -> (i < n)%nat ->
    mul n (half_count net W may (S t)) (fun j => Rmin (D t j) (mu t j)) i + mul n (both_count net may (S t)) (mu t) i <= f t i;
  residuals : forall t i, (t < T)%nat -> (i < n)%nat ->
    Rabs (linear_residual (S t) i) + driven 0 residual_view f e (S t) i <= X (S t) i
}.

(** The claim up to t, and what it rests on. *)
Definition holds (t : nat) : Prop :=
  below net W X t /\ kept net W may t
  /\ forall s j, (s < t)%nat -> (j < n)%nat -> Rabs (jump net p push W s j) <= f s j /\ Rabs (mask_error net W s j) <= e s j.

Let x_next t i : (i < n)%nat ->
  xi (S t) i = xi t i - mul n H (fun j => q t j + a * xi t j) i
    + (mask_momentum net p W t i + a * mask_error net W t i) + jump net p push W t i.
Proof. intros Hi. apply (output_decomposition net ok p push W train t i Hi). Qed.

Let q_next t i : q (S t) i = b * q t i + l * xi t i.
Proof. reflexivity. Qed.

Let v_next t i : mask_momentum net p W (S t) i = b * mask_momentum net p W t i + l * mask_error net W t i.
Proof. reflexivity. Qed.

Let bounded c o := superposition_bound n H b a l xi q (mask_momentum net p W) (jump net p push W) (mask_error net W)
  x_next q_next v_next c o.

(** The three things that are looked at. *)
Lemma residual_seen t i : (i < n)%nat -> xi t i = seen n residual_view (xi t) (q t) (mask_momentum net p W t) i.
Proof.
  intros Hi. unfold seen, residual_view. cbn [of_x of_q of_v]. rewrite !mul_mscal, !mul_eye by assumption. ring.
Qed.

Lemma rise_seen t i : (i < n)%nat ->
  total_rise net p push W t i = seen n (rise_view a) (xi t) (q t) (mask_momentum net p W t) i.
Proof.
  intros Hi. unfold seen, rise_view. cbn [of_x of_q of_v]. rewrite !mul_mscal, !mul_eye by assumption.
  unfold total_rise, rise, q, xi, a, b, l. ring.
Qed.

Lemma total_next t i : total net p push W (S t) i = total net p push W t i + total_rise net p push W t i.
Proof. apply filter_next. Qed.

Section After.
Variables (t0 k : nat).
(** Bounds of what enters from t0 on. *)
Variables g h : nat -> vec.
Hypothesis small : forall s j, (s < k)%nat -> (j < n)%nat ->
  Rabs (jump net p push W (t0 + s)%nat j) <= g s j /\ Rabs (mask_error net W (t0 + s)%nat j) <= h s j.

Lemma residual_after i : (i < n)%nat ->
  Rabs (xi (t0 + k)%nat i - seen n (response 0 residual_view k) (xi t0) (q t0) (mask_momentum net p W t0) i)
  <= driven 0 residual_view g h k i.
Proof.
  intros Hi. apply (bounded 0 residual_view (fun t k => xi (t + k)%nat)); try assumption.
  - intros t j Hj. rewrite Nat.add_0_r. now apply residual_seen.
  - intros t k' j Hj. rewrite Nat.add_succ_r. simpl. ring.
Qed.

Lemma rise_after i : (i < n)%nat ->
  Rabs (total_rise net p push W (t0 + k) i - seen n (response 0 (rise_view a) k) (xi t0) (q t0) (mask_momentum net p W t0) i)
  <= driven 0 (rise_view a) g h k i.
Proof.
  intros Hi. apply (bounded 0 (rise_view a) (fun t k => total_rise net p push W (t + k))); try assumption.
  - intros t j Hj. rewrite Nat.add_0_r. now apply rise_seen.
  - intros t k' j Hj. rewrite Nat.add_succ_r. simpl. ring.
Qed.

Lemma total_after i : (i < n)%nat ->
  Rabs (total net p push W (S (t0 + k)) i - total net p push W t0 i
        - seen n (response 1 (rise_view a) k) (xi t0) (q t0) (mask_momentum net p W t0) i)
  <= driven 1 (rise_view a) g h k i.
Proof.
  intros Hi.
  apply (bounded 1 (rise_view a) (fun t k j => total net p push W (S (t + k)) j - total net p push W t j)); try assumption.
  - intros t j Hj. rewrite Nat.add_0_r, total_next, <- rise_seen by assumption. ring.
  - intros t k' j Hj. rewrite Nat.add_succ_r. simpl Nat.add. rewrite (total_next t).
    unfold total_rise, rise, q, xi, a, b, l. ring.
Qed.
End After.

(** From a claim up to t and a bound of the next step to the claim's jumps. *)
Lemma jump_step t (g : vec) : below net W X t -> kept net W may (S t) ->
  (forall j, (j < n)%nat -> Rabs (total_rise net p push W t j) <= g j) -> forall i, (i < n)%nat ->
  Rabs (jump net p push W t i)
  <= mul n (half_count net W may (S t)) (fun j => Rmin (g j) (mu t j)) i + mul n (both_count net may (S t)) (mu t) i.
Proof. intros B K G i Hi. now apply (jump_bound net ok p push W beta_nonneg now_nonneg push_nonneg X may may_grows). Qed.

Lemma below_next t : below net W X t -> (forall i, (i < n)%nat -> Rabs (xi (S t) i) <= X (S t) i) -> below net W X (S t).
Proof. intros B L s Hs i Hi. destruct (Nat.eq_dec s (S t)) as [->|N]; [now apply L|]. apply B; [lia|assumption]. Qed.

Lemma kept_next t : kept net W may t ->
  (forall r i, (r < m)%nat -> (i < n)%nat -> may (S t) r i = false -> now net W (S t) r i = first net W r i) ->
  kept net W may (S t).
Proof.
  intros K L s Hs r i Hr Hi F. destruct (Nat.eq_dec s (S t)) as [->|N]; [now apply L|]. apply K; [lia| | |]; assumption.
Qed.

Lemma holds_first : (forall i, (i < n)%nat -> Rabs (xi O i) <= X O i) -> holds O.
Proof.
  intros L. repeat split.
  - intros s Hs i Hi. replace s with O by lia. now apply L.
  - intros s Hs r i _ _ _. replace s with O by lia. reflexivity.
  - lia.
  - lia.
Qed.

Lemma total_near T t i : steps T -> (t <= T)%nat -> holds t -> (i < n)%nat ->
  forall s, (s <= t)%nat -> Rabs (total net p push W s i - linear_total s i) <= dS s i.
Proof.
  intros St L [_ [_ J]] Hi s Hs. destruct s as [|s].
  - unfold total, linear_total. simpl. rewrite Rminus_0_r, Rabs_R0. apply (begins T St i Hi).
  - eapply Rle_trans; [|apply (totals T St s i); [lia|assumption]].
    pose proof (total_after O s f e ltac:(intros; apply J; [simpl; lia|assumption]) i Hi) as A.
    simpl Nat.add in A. unfold total at 2 in A. simpl filter in A. cbn [fst] in A. rewrite Rminus_0_r in A. exact A.
Qed.

(** certificate-at-initialisation, the recursion (17): |xi(t)| <= X(t) at every step up to T, and no pair outside [may]
    has changed its sign. *)
Theorem comparison T : steps T -> forall t, (t <= T)%nat -> holds t.
Proof.
  intros St. induction t as [|t IH]; intros L; [apply holds_first; intros; now apply (begins T St)|].
  pose proof (IH ltac:(lia)) as Ht. destruct Ht as [B [K J]].
  assert (Sm : forall s j, (s < t)%nat -> (j < n)%nat ->
    Rabs (jump net p push W (0 + s)%nat j) <= f s j /\ Rabs (mask_error net W (0 + s)%nat j) <= e s j)
    by (intros; now apply J).
  assert (R : forall j, (j < n)%nat -> Rabs (total_rise net p push W t j) <= D t j).
  { intros j Hj. eapply Rle_trans; [|apply (rises T St t j L Hj)].
    pose proof (rise_after O t f e Sm j Hj) as A. simpl Nat.add in A.
    change (seen n (response 0 (rise_view a) t) (xi O) (q O) (mask_momentum net p W O) j) with (linear_rise t j) in A.
    pose proof (Rabs_triang (linear_rise t j) (total_rise net p push W t j - linear_rise t j)) as Q.
    replace (linear_rise t j + (total_rise net p push W t j - linear_rise t j)) with (total_rise net p push W t j) in Q by ring. lra. }
  assert (N : forall j, (j < n)%nat -> Rabs (total net p push W (S t) j - linear_total (S t) j) <= dS (S t) j).
  { intros j Hj. eapply Rle_trans; [|apply (totals T St t j L Hj)].
    pose proof (total_after O t f e Sm j Hj) as A. simpl Nat.add in A.
    unfold total at 2 in A. simpl filter in A. cbn [fst] in A. rewrite Rminus_0_r in A. exact A. }
  assert (K' : kept net W may (S t)).
  { apply kept_next; [assumption|]. intros r i Hr Hi F.
    apply (flip_set net ok p push W train beta_nonneg now_nonneg X may (S t) r i (linear_total (S t)) (dS (S t)) Hr Hi).
    - intros s Hs. split; [intros u Hu; apply B; lia|intros u Hu; apply K; lia].
    - exact N.
    - now apply (margins T St). }
  assert (J' : forall i, (i < n)%nat -> Rabs (jump net p push W t i) <= f t i).
  { intros i Hi. eapply Rle_trans; [now apply (jump_step t (D t))|]. now apply (jumps T St). }
  assert (E' : forall i, (i < n)%nat -> Rabs (mask_error net W t i) <= e t i).
  { intros i Hi. eapply Rle_trans; [now apply (mask_bound net ok W X may)|]. now apply (masks T St). }
  assert (J2 : forall s j, (s < S t)%nat -> (j < n)%nat ->
    Rabs (jump net p push W s j) <= f s j /\ Rabs (mask_error net W s j) <= e s j).
  { intros s j Hs Hj. destruct (Nat.eq_dec s t) as [->|Ne]; [split; [now apply J'|now apply E']|apply J; [lia|assumption]]. }
  split; [|split; [exact K'|exact J2]].
  apply below_next; [assumption|]. intros i Hi. eapply Rle_trans; [|apply (residuals T St t i L Hi)].
  pose proof (residual_after O (S t) f e J2 i Hi) as A. simpl Nat.add in A.
  change (seen n (response 0 residual_view (S t)) (xi O) (q O) (mask_momentum net p W O) i) with (linear_residual (S t) i) in A.
  pose proof (Rabs_triang (linear_residual (S t) i) (xi (S t) i - linear_residual (S t) i)) as Q.
  replace (linear_residual (S t) i + (xi (S t) i - linear_residual (S t) i)) with (xi (S t) i) in Q by ring. lra.
Qed.
End Initial.
