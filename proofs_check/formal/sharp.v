(** The sharper distance bound, for both starts: the second gradient of a step takes back what the first has too much.

    If gamma <= beta/(1-beta), and gamma <= 2 or the start is extrapolated,
      |w_r(t) - w_r(0)| <= (eta/(1-beta)) sqrt(|K|/m) sum_{s<t} |xi(s)|. *)

From Coq Require Import Reals Lra Lia.
From NagNtk Require Import vectors matrices companion network filters distance.
Open Scope R_scope.

(** A filter written out: S(t) = sum over s < t of (p + l g(t-1-s)) g(s), and g(t) q(0), with g(k) = 1 + ... + beta^(k-1). *)
Lemma filter_sum_of_past b p l q0 g t :
  fst (filter b p l q0 g t) = sum t (fun s => (p + l * geometric b (t - S s)) * g s) + q0 * geometric b t
  /\ snd (filter b p l q0 g t) = sum t (fun s => l * b ^ (t - S s) * g s) + q0 * b ^ t.
Proof.
  induction t as [|t [A B]]; [simpl; lra|]. simpl filter. cbn [fst snd]. rewrite A, B.
  assert (Last : forall F : nat -> nat -> R, sum (S t) (fun s => F (S t - S s)%nat s)
    = sum t (fun s => F (S (t - S s)) s) + F O t).
  { intros F. simpl sum. f_equal; [|f_equal; lia]. apply sum_ext. intros s Hs. f_equal. lia. }
  rewrite (Last (fun k s => (p + l * geometric b k) * g s)), (Last (fun k s => l * b ^ k * g s)). split.
  - rewrite (sum_ext t (fun s => (p + l * geometric b (S (t - S s))) * g s)
      (fun s => (p + l * geometric b (t - S s)) * g s + l * b ^ (t - S s) * g s)) by (intros; simpl geometric; ring).
    rewrite sum_plus. simpl geometric. ring.
  - rewrite (sum_ext t (fun s => l * b ^ S (t - S s) * g s) (fun s => b * (l * b ^ (t - S s) * g s))) by (intros; simpl pow; ring).
    rewrite sum_scal. simpl pow. ring.
Qed.

Lemma geometric_value b k : (1 - b) * geometric b k = 1 - b ^ k.
Proof. induction k as [|k IH]; simpl; [ring|]. rewrite Rmult_plus_distr_l, IH. ring. Qed.

Lemma norm_sum d t (c : nat -> R) (g : nat -> vec) :
  norm d (fun k => sum t (fun s => c s * g s k)) <= sum t (fun s => Rabs (c s) * norm d (g s)).
Proof.
  induction t as [|t IH]; simpl sum.
  - rewrite (norm_ext d _ vzero), norm_zero; [lra|]. intros. unfold vzero. reflexivity.
  - rewrite (norm_ext d _ (vadd (fun k => sum t (fun s => c s * g s k)) (vscal (c t) (g t)))) by reflexivity.
    eapply Rle_trans; [apply norm_triangle|]. rewrite norm_scal. lra.
Qed.

(** eta/(1-beta) *)
Definition full_speed (p : method) : R := eta p / (1 - beta p).

Section Sharp.
Variable p : method.
Hypothesis eta_nonneg : 0 <= eta p.
Hypothesis beta_range : 0 <= beta p < 1.
Hypothesis gamma_nonneg : 0 <= gamma p.
Hypothesis not_too_much : gamma p * (1 - beta p) <= beta p.
Variable push : R.
Hypothesis start : push = 0 \/ (push = eta p * gamma p /\ gamma p <= 2).

(** The weight of the gradient of step s in the movement up to t. *)
Definition weight (t s : nat) : R :=
  push_now p + push_later p * geometric (beta p) (t - S s) - (if Nat.eqb s 0 then push * geometric (beta p) t else 0).

Lemma weight_bound t s : (s < t)%nat -> Rabs (weight t s) <= full_speed p.
Proof.
  intros L. set (k := (t - S s)%nat). pose proof (geometric_value (beta p) k) as G.
  pose proof (geometric_value (beta p) t) as Gt.
  assert (Pk : 0 <= beta p ^ k <= 1).
  { split; [apply pow_le; lra|]. rewrite <- (pow1 k). apply pow_incr. lra. }
  assert (Pt : 0 <= beta p ^ t <= 1).
  { split; [apply pow_le; lra|]. rewrite <- (pow1 t). apply pow_incr. lra. }
  assert (U : Rabs ((1 - beta p) * weight t s) <= eta p).
  { assert (E : (1 - beta p) * (push_now p + push_later p * geometric (beta p) k)
      = eta p * (1 - (beta p - gamma p * (1 - beta p)) * beta p ^ k)).
    { transitivity ((1 - beta p) * push_now p + push_later p * ((1 - beta p) * geometric (beta p) k)); [ring|].
      rewrite G. unfold push_now, push_later. ring. }
    assert (X : 0 <= (beta p - gamma p * (1 - beta p)) * beta p ^ k <= 1).
    { split; [apply Rmult_le_pos; lra|]. apply Rle_trans with (1 * 1); [|lra].
      apply Rmult_le_compat; try lra. pose proof (Rmult_le_pos (gamma p) (1 - beta p)). lra. }
    unfold weight. fold k. destruct (Nat.eqb_spec s 0) as [Z|Z].
    - replace ((1 - beta p) * (push_now p + push_later p * geometric (beta p) k - push * geometric (beta p) t))
        with ((1 - beta p) * (push_now p + push_later p * geometric (beta p) k) - push * ((1 - beta p) * geometric (beta p) t)) by ring.
      rewrite E, Gt. destruct start as [-> | [-> Two]].
      + rewrite Rmult_0_l, Rminus_0_r. apply Rabs_le. nra.
      + assert (Tk : t = S k) by (unfold k; lia). rewrite Tk in *. simpl pow in *.
        replace (eta p * (1 - (beta p - gamma p * (1 - beta p)) * beta p ^ k) - eta p * gamma p * (1 - beta p * beta p ^ k))
          with (eta p * (1 - beta p * beta p ^ k - gamma p * (1 - beta p ^ k))) by ring.
        rewrite Rabs_mult, (Rabs_pos_eq (eta p)) by assumption. rewrite <- (Rmult_1_r (eta p)) at 2.
        apply Rmult_le_compat_l; [assumption|]. apply Rabs_le. split; nra.
    - rewrite Rminus_0_r, E. apply Rabs_le. nra. }
  rewrite Rabs_mult, (Rabs_pos_eq (1 - beta p)) in U by lra. unfold full_speed, Rdiv.
  apply (Rmult_le_reg_l (1 - beta p)); [lra|]. eapply Rle_trans; [exact U|]. apply Req_le. field. lra.
Qed.

Variable net : network.
Hypothesis ok : proper net.
Variable W : nat -> weights.
Hypothesis train : trained_from net p push W.
Variable top : R.
Hypothesis top_nonneg : 0 <= top.
Hypothesis top_bounds : forall x, dot (samples net) x (mul (samples net) (kernel net) x) <= top * dot (samples net) x x.
Let n := samples net.
Let d := dimension net.
Let m := width net.

(** The weights move by the filter of their gradients. *)
Lemma weights_path r k t : (r < m)%nat -> (k < d)%nat ->
  W t r k = W O r k - fst (filter (beta p) (push_now p) (push_later p) (- push * gradient net (W O) r k)
                             (fun s => gradient net (W s) r k) t).
Proof.
  intros Hr Hk. destruct train as [T0 T1].
  set (g := fun s => gradient net (W s) r k).
  assert (S1 : forall t, W (S t) r k - W t r k
    = - rise (beta p) (push_now p) (push_later p) (- push * g O) g t).
  { induction t0 as [|u IH].
    - rewrite (T0 r Hr k Hk). unfold rise, g. simpl. ring.
    - rewrite rise_next, (T1 u r Hr k Hk).
      replace (W (S u) r k + beta p * (W (S u) r k - W u r k) - eta p * (1 + gamma p) * gradient net (W (S u)) r k
        + eta p * gamma p * gradient net (W u) r k - W (S u) r k)
        with (beta p * (W (S u) r k - W u r k) - eta p * (1 + gamma p) * g (S u) + eta p * gamma p * g u) by (unfold g; ring).
      rewrite IH. unfold push_now, push_later. ring. }
  fold (g O) g. induction t as [|t IH]; [simpl; ring|]. rewrite filter_next. pose proof (S1 t) as E. lra.
Qed.

(** distance, the sharper bound: if gamma (1-beta) <= beta, and gamma <= 2 or the start is extrapolated, then at every
    time T and for every neuron r, with |K| the norm of the kernel,
      |w_r(T) - w_r(0)| <= (eta/(1-beta)) sqrt(|K|/m) sum_{s<T} |xi(s)|. *)
Theorem sharp_distance T r : (r < m)%nat ->
  moved net (W O) (W T) r <= full_speed p * sqrt (top / INR m) * sum T (fun s => norm n (residual net (W s))).
Proof.
  intros Hr. unfold moved. fold d.
  rewrite (norm_ext d _ (fun k => sum T (fun s => - weight T s * gradient net (W s) r k))).
  2: { intros k Hk. unfold vsub, vadd, vscal. rewrite (weights_path r k T Hr Hk).
       rewrite (proj1 (filter_sum_of_past _ _ _ _ _ T)).
       assert (E : sum T (fun s => - weight T s * gradient net (W s) r k)
         = - sum T (fun s => (push_now p + push_later p * geometric (beta p) (T - S s)) * gradient net (W s) r k)
           + push * geometric (beta p) T * (if Nat.ltb 0 T then gradient net (W O) r k else 0)).
       { destruct T as [|u]; [simpl; ring|]. rewrite !sum_first. unfold weight at 1.
         change (Nat.eqb 0 0) with true. change (Nat.ltb 0 (S u)) with true. cbv iota.
         rewrite (sum_ext u (fun i => - weight (S u) (S i) * gradient net (W (S i)) r k)
           (fun i => -1 * ((push_now p + push_later p * geometric (beta p) (S u - S (S i))) * gradient net (W (S i)) r k))).
         - rewrite sum_scal. ring.
         - intros i _. unfold weight. change (Nat.eqb (S i) 0) with false. cbv iota. ring. }
       rewrite E. destruct T as [|u]; [simpl; ring|]. change (Nat.ltb 0 (S u)) with true. cbv iota. ring. }
  eapply Rle_trans; [apply norm_sum|]. rewrite <- sum_scal. apply sum_le. intros s Hs. rewrite Rabs_Ropp.
  pose proof (weight_bound T s Hs) as A.
  pose proof (gradient_norm net ok W top top_nonneg top_bounds s r Hr) as B. fold n m in B.
  pose proof (Rabs_pos (weight T s)). pose proof (norm_nonneg d (gradient net (W s) r)).
  rewrite Rmult_assoc. apply Rmult_le_compat; assumption.
Qed.
End Sharp.
