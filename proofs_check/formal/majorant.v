(** The comparison theorem: a bound X of the residual at every step, from the first weights of the network alone.

      X(t) = |xi_lin(t)| + sum over s <= t of |Y(t-s)| B(s) mu(s),
    run forward: mu from X(0), ..., X(t-1), and B(s) counted from the pairs that the bounds up to s allow to flip. *)

From Coq Require Import Reals Lra Lia Bool FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion network filters outputs counts responses deviation flipset initial.
Open Scope R_scope.

Section Majorant.
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
Local Notation b := (beta p).
Local Notation a := (push_now p).
Local Notation l := (push_later p).
Local Notation H := (gram net (W O)).
Local Notation total := (total net p push W).
Local Notation psi_rise := (psi_rise net p push W).
Let q (t : nat) : vec := fun j => snd (filter b a l (- push * xi O j) (fun s => xi s j) t).
Let none : nat -> vec := fun _ _ => 0.
Let Y (k : nat) : mat := to_jump n H b a l 0 residual_view k.
(** R(k+1), the filter of Y k + 1 steps after the jump. *)
Let R (k : nat) : mat := to_jump n H b a l 1 (rise_view a) k.

Let x_next t i : (i < n)%nat ->
  xi (S t) i = xi t i - mul n H (fun j => q t j + a * xi t j) i + (none t i + a * none t i) + psi_rise t i.
Proof.
  intros Hi. assert (E : psi_rise t i = xi (S t) i - xi t i + mul n H (fun j => q t j + a * xi t j) i) by reflexivity.
  rewrite E. unfold none. ring.
Qed.

Let v_next t i : none (S t) i = b * none t i + l * none t i.
Proof. unfold none. ring. Qed.

Lemma no_view o c k i : mul n (to_mask n H b a l c o k) (none 0) i = 0.
Proof. unfold mul, none. rewrite (sum_ext n _ (fun _ => 0)) by (intros; ring). apply sum_zero. Qed.

Lemma first_seen c o k i :
  seen n (ahead n H b a l c o k) (xi O) (q O) (none O) i = linear net p push W c o k i.
Proof. reflexivity. Qed.

(** output-decomposition: the residual is that of the linear model of H(0), and the answers Y of that model to what psi adds
    in each step,  xi(t) = xi_lin(t) + sum over s < t of Y(t-1-s) (psi(s+1) - psi(s)). *)
Theorem residual_decomposition t i : (i < n)%nat ->
  xi t i = linear_residual net p push W t i + sum t (fun s => mul n (Y (t - S s)) (psi_rise s) i).
Proof.
  intros Hi.
  pose proof (superposition n H b a l xi q none psi_rise none x_next (fun _ _ => eq_refl) v_next 0 residual_view
    (fun u k => xi (u + k)%nat)) as Sup.
  assert (E : xi (0 + t)%nat i = seen n (ahead n H b a l 0 residual_view t) (xi O) (q O) (none O) i
      + sum t (fun s => mul n (to_jump n H b a l 0 residual_view (t - S s)) (psi_rise (0 + s)%nat) i
                        + mul n (to_mask n H b a l 0 residual_view (t - S s)) (none (0 + s)%nat) i)).
  { apply Sup; [| |assumption].
    - intros u j Hj. rewrite Nat.add_0_r. unfold seen, residual_view. cbn [of_x of_q of_v].
      rewrite !mul_mscal, !mul_eye by assumption. ring.
    - intros u k j Hj. rewrite Nat.add_succ_r. simpl Nat.add. ring. }
  simpl Nat.add in E. rewrite E.
  rewrite first_seen. unfold linear_residual. f_equal. apply sum_ext. intros s _.
  change (none s) with (none O). rewrite no_view. unfold Y. ring.
Qed.

(** And its filter:  S(t+1) = S_lin(t+1) + sum over s < t of R(t-s) (psi(s+1) - psi(s)). *)
Theorem filter_decomposition t i : (i < n)%nat ->
  total (S t) i = linear_total net p push W (S t) i + sum t (fun s => mul n (R (t - S s)) (psi_rise s) i).
Proof.
  intros Hi.
  pose proof (superposition n H b a l xi q none psi_rise none x_next (fun _ _ => eq_refl) v_next 1 (rise_view a)
    (fun u k j => total (S (u + k)) j - total u j)) as Sup.
  assert (E : total (S (0 + t)) i - total O i
    = seen n (ahead n H b a l 1 (rise_view a) t) (xi O) (q O) (none O) i
      + sum t (fun s => mul n (to_jump n H b a l 1 (rise_view a) (t - S s)) (psi_rise (0 + s)%nat) i
                        + mul n (to_mask n H b a l 1 (rise_view a) (t - S s)) (none (0 + s)%nat) i)).
  { apply Sup; [| |assumption].
    - intros u j Hj. rewrite Nat.add_0_r. unfold seen, rise_view. cbn [of_x of_q of_v].
      rewrite !mul_mscal, !mul_eye by assumption. rewrite total_next. unfold total_rise, rise, q, xi. ring.
    - intros u k j Hj. rewrite Nat.add_succ_r. simpl Nat.add. rewrite (total_next net p push W u).
      unfold total_rise, rise, q, xi. ring. }
  simpl Nat.add in E. unfold total at 2 in E. simpl filter in E. cbn [fst] in E. rewrite Rminus_0_r in E. rewrite E.
  rewrite first_seen. unfold linear_total. f_equal. apply sum_ext. intros s _.
  change (none s) with (none O). rewrite no_view. unfold R. ring.
Qed.

(** ** The recursion *)

Variables X g reach : nat -> vec.
Variable may : nat -> nat -> nat -> bool.
Hypothesis may_grows : forall t r i, may t r i = true -> may (S t) r i = true.
Let zeta r i := Rabs (sqrt (INR m) * pre net (W O) r i).
Local Notation total_bound := (total_bound p push X).

(** Bounds X of |xi|, g of |psi(t+1) - psi(t)|, reaches b for every S that g allows, and the pairs F that may have flipped. *)
Record majorises : Prop := Majorises {
  begins : forall i, (i < n)%nat -> Rabs (xi O i) <= X O i;
  reaches : forall t u j (y : nat -> vec), (u <= t)%nat -> (j < n)%nat ->
    (forall s k, (s < pred u)%nat -> (k < n)%nat -> Rabs (y s k) <= g s k) ->
    widest net (fun k => linear_total net p push W u k + sum (pred u) (fun s => mul n (R (pred u - S s)) (y s) k)) j
    <= reach t j;
  own : forall t r i, (r < m)%nat -> (i < n)%nat -> may (S t) r i = false -> reach (S t) i < zeta r i;
  others : forall t r i j, (r < m)%nat -> (i < n)%nat -> (j < n)%nat -> j <> i -> may (S t) r i = false ->
    sum n (fun k => Rabs (kernel net i k) * total_bound (S t) k) < zeta r i \/ reach (S t) j < zeta r j;
  steps_bound : forall t i, (i < n)%nat ->
    mul n (deviation_count net W may (S t)) (rise_bound_of p push X t) i <= g t i;
  residuals : forall t i, (i < n)%nat ->
    Rabs (linear_residual net p push W (S t) i) + sum (S t) (fun s => mul n (mabs (Y (S t - S s))) (g s) i) <= X (S t) i
}.
Hypothesis given : majorises.

Let sum_bound (Z : nat -> mat) t i : (forall s j, (s < t)%nat -> (j < n)%nat -> Rabs (psi_rise s j) <= g s j) ->
  Rabs (sum t (fun s => mul n (Z (t - S s)%nat) (psi_rise s) i)) <= sum t (fun s => mul n (mabs (Z (t - S s)%nat)) (g s) i).
Proof.
  intros L. eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros s Hs. apply mul_abs. intros j Hj. now apply L.
Qed.

(** The claim up to t. *)
Let holds t := below net W X t /\ kept net W may t /\ forall s j, (s < t)%nat -> (j < n)%nat -> Rabs (psi_rise s j) <= g s j.

Let holds_next t : holds t -> holds (S t).
Proof.
  intros [B [K J]].
  assert (N : forall u k, (k < n)%nat -> total u k
    = linear_total net p push W u k + sum (pred u) (fun s => mul n (R (pred u - S s)) (psi_rise s) k)).
  { intros [|u] k Hk; [unfold total, linear_total; simpl; ring|now apply filter_decomposition]. }
  assert (K' : kept net W may (S t)).
  { apply kept_next; [assumption|]. intros r i Hr Hi F.
    destruct (Req_EM_T (now net W (S t) r i) (first net W r i)) as [E|Ne]; [assumption|exfalso].
    pose proof (own given t r i Hr Hi F) as O1.
    destruct (flip_set_two_reaches net ok p push W train beta_nonneg now_nonneg push_nonneg X (S t) (S t) r i (reach (S t))
      Hr Hi (le_n _)) as [A|[A [j [Hj [Nj C]]]]].
    - intros s Hs. apply B. lia.
    - intros u Hu s Hs. apply B. lia.
    - intros u j Hu Hj. unfold widest.
      rewrite (sum_ext _ (fun k => Rmax 0 (kernel net j k * total u k)) (fun k => Rmax 0 (kernel net j k * (linear_total net p push W u k
        + sum (pred u) (fun s => mul n (R (pred u - S s)) (psi_rise s) k))))) by (intros k Hk; now rewrite N).
      rewrite (sum_ext _ (fun k => Rmax 0 (- (kernel net j k * total u k))) (fun k => Rmax 0 (- (kernel net j k
        * (linear_total net p push W u k + sum (pred u) (fun s => mul n (R (pred u - S s)) (psi_rise s) k))))))
        by (intros k Hk; now rewrite N).
      apply (reaches given (S t) u j psi_rise Hu Hj). intros s k Hs Hk. apply J; [lia|assumption].
    - exact Ne.
    - unfold zeta in O1. fold m in A. lra.
    - fold n m in A, C. destruct (others given t r i j Hr Hi Hj Nj F) as [O2|O2]; unfold zeta in O2; lra. }
  assert (J2 : forall s j, (s < S t)%nat -> (j < n)%nat -> Rabs (psi_rise s j) <= g s j).
  { intros s j Hs Hj. destruct (Nat.eq_dec s t) as [->|Ne]; [|apply J; [lia|assumption]].
    eapply Rle_trans; [|apply (steps_bound given t j Hj)].
    now apply (output_deviation net ok p push W train beta_nonneg now_nonneg push_nonneg X may may_grows). }
  split; [|split; [exact K'|exact J2]].
  apply below_next; [assumption|]. intros i Hi. eapply Rle_trans; [|apply (residuals given t i Hi)].
  fold (xi (S t)). rewrite (residual_decomposition (S t) i Hi). eapply Rle_trans; [apply Rabs_triang|].
  apply Rplus_le_compat_l. now apply sum_bound.
Qed.

(** comparison: |xi(t)| <= X(t) entry by entry for all t, and only pairs of F have changed their sign. *)
Theorem majorant t : (forall i, (i < n)%nat -> Rabs (xi t i) <= X t i)
  /\ forall r i, (r < m)%nat -> (i < n)%nat -> may t r i = false -> pattern net (W t) r i = pattern net (W O) r i.
Proof.
  assert (G : holds t).
  { induction t as [|t IH]; [|now apply holds_next]. split; [|split; [|lia]].
    - intros s Hs i Hi. replace s with O by lia. now apply (begins given).
    - intros s Hs r i _ _ _. replace s with O by lia. reflexivity. }
  destruct G as [B [K _]]. split; [intros; now apply (B t)|intros; now apply (K t)].
Qed.
End Majorant.
