(** The distance bound: no neuron moves further than the residuals met on the way allow.

      |w_r(t) - w_r(0)| <= (eta/(1-beta)) sqrt(|K|/m) [(1+2 gamma) sum_{s<t} |xi(s)| + gamma |xi(0)|]. *)

From Coq Require Import Reals Lra Lia.
From NagNtk Require Import vectors matrices companion network flips.
Open Scope R_scope.

(** Steps with momentum: if P(k+1) <= beta P(k) + u(k), then (1-beta) (P(1) + ... + P(T)) <= beta P(0) + sum u. *)
Lemma momentum_sum b (P u : nat -> R) T : 0 <= b -> (forall k, 0 <= P k) ->
  (forall k, (k < T)%nat -> P (S k) <= b * P k + u k) ->
  (1 - b) * sum T (fun k => P (S k)) <= b * P O + sum T u.
Proof.
  intros Hb Pos L.
  assert (G : (1 - b) * sum T (fun k => P (S k)) + b * P T <= b * P O + sum T u).
  { induction T as [|T IH]; simpl; [lra|].
    assert (X : (1 - b) * sum T (fun k => P (S k)) + b * P T <= b * P O + sum T u) by (apply IH; auto with arith).
    pose proof (L T (Nat.lt_succ_diag_r T)). lra. }
  pose proof (Rmult_le_pos _ _ Hb (Pos T)). lra.
Qed.

(** A sum of values at the time before, where the time before 0 is 0. *)
Lemma sum_before T f : (forall t, 0 <= f t) -> sum T (fun t => f (pred t)) <= sum T f + f O.
Proof.
  intros P. destruct T as [|T]; [simpl; pose proof (P O); lra|].
  rewrite sum_first. simpl pred. simpl sum. pose proof (P T).
  rewrite (sum_ext T (fun i => f i) f) by reflexivity. lra.
Qed.

(** The path of a sequence is no longer than the sum of its steps. *)
Lemma path_length d (w : nat -> vec) T :
  norm d (vsub (w T) (w O)) <= sum T (fun t => norm d (vsub (w (S t)) (w t))).
Proof.
  induction T as [|T IH]; simpl sum.
  - rewrite (norm_ext d _ vzero), norm_zero; [lra|]. intros. unfold vsub, vadd, vscal, vzero. ring.
  - rewrite (norm_ext d (vsub (w (S T)) (w O)) (vadd (vsub (w T) (w O)) (vsub (w (S T)) (w T)))).
    + eapply Rle_trans; [apply norm_triangle|]. lra.
    + intros. unfold vsub, vadd, vscal. ring.
Qed.

(** (eta/(1-beta)) c [(1+2 gamma) path + gamma first], c = sqrt(|K|/m). *)
Definition distance_bound (p : method) (c path first : R) : R :=
  eta p / (1 - beta p) * c * ((1 + 2 * gamma p) * path + gamma p * first).

Section Distance.
Variable net : network.
Hypothesis ok : proper net.
Variables (p : method) (W : nat -> weights).
Hypothesis train : trained net p W.
Hypothesis eta_nonneg : 0 <= eta p.
Hypothesis beta_range : 0 <= beta p < 1.
Hypothesis gamma_nonneg : 0 <= gamma p.
Let n := samples net.
Let m := width net.
Let d := dimension net.
Let xi (t : nat) : vec := residual net (W t).

(** [top] bounds the largest eigenvalue of K = X X'. *)
Variable top : R.
Hypothesis top_nonneg : 0 <= top.
Hypothesis top_bounds : forall x, dot n x (mul n (kernel net) x) <= top * dot n x x.

(** |grad_r|^2 = (1/m) (A_r o xi)' K (A_r o xi) <= (top/m) |xi|^2. *)
Lemma gradient_norm t r : (r < m)%nat -> norm d (gradient net (W t) r) <= sqrt (top / INR m) * norm n (xi t).
Proof.
  intros Hr. pose proof (width_pos net ok) as P. fold m in P.
  assert (Q : 0 <= top / INR m) by (apply Rmult_le_pos; [assumption|]; apply Rlt_le, Rinv_0_lt_compat, P).
  apply norm_le; [apply Rmult_le_pos; [apply sqrt_pos|apply norm_nonneg]|].
  replace (sqrt (top / INR m) * norm n (xi t) * (sqrt (top / INR m) * norm n (xi t)))
    with (sqrt (top / INR m) * sqrt (top / INR m) * (norm n (xi t) * norm n (xi t))) by ring.
  rewrite sqrt_sqrt, norm_sq by assumption.
  set (c := fun i => pattern net (W t) r i * xi t i).
  assert (E : dot d (gradient net (W t) r) (gradient net (W t) r) = / INR m * dot n c (mul n (kernel net) c)).
  { unfold dot at 1.
    rewrite (sum_ext d _ (fun k => / sqrt (INR m) * sign net r * sum n (fun i => c i * (gradient net (W t) r k * input net i k)))).
    2: { intros k _. unfold gradient at 1. fold n m.
         rewrite Rmult_assoc, (Rmult_comm (sum n _)), <- sum_scal. f_equal. apply sum_ext. intros.
         unfold c, xi. ring. }
    rewrite sum_scal, sum_swap.
    rewrite (sum_ext n _ (fun i => / sqrt (INR m) * sign net r * (c i * mul n (kernel net) c i))).
    2: { intros i _. rewrite sum_scal. fold (dot d (gradient net (W t) r) (input net i)).
         unfold d. rewrite gradient_dot. fold n m. unfold mul, c, xi. ring. }
    rewrite sum_scal. unfold dot.
    replace (/ sqrt (INR m) * sign net r * (/ sqrt (INR m) * sign net r * sum n (fun i => c i * mul n (kernel net) c i)))
      with ((/ sqrt (INR m) * / sqrt (INR m)) * (sign net r * sign net r) * sum n (fun i => c i * mul n (kernel net) c i))
      by ring.
    unfold m in *. rewrite (root_width_sq net ok), (sign_sq net ok r Hr). ring. }
  rewrite E. unfold Rdiv. rewrite (Rmult_comm top), Rmult_assoc.
  apply Rmult_le_compat_l; [apply Rlt_le, Rinv_0_lt_compat, P|].
  eapply Rle_trans; [apply top_bounds|]. apply Rmult_le_compat_l; [assumption|].
  apply sum_le. intros i _. unfold c. destruct (pattern_cases net (W t) r i) as [-> | ->]; nra.
Qed.

(** distance: at every time T and for every neuron r
      |w_r(T) - w_r(0)| <= (eta/(1-beta)) sqrt(|K|/m) [(1+2 gamma) sum_{s<T} |xi(s)| + gamma |xi(0)|]. *)
Theorem distance T r : (r < m)%nat ->
  moved net (W O) (W T) r
  <= distance_bound p (sqrt (top / INR m)) (sum T (fun s => norm n (xi s))) (norm n (xi O)).
Proof.
  intros Hr. unfold moved, distance_bound. fold d. set (w := fun t => W t r).
  eapply Rle_trans; [exact (path_length d w T)|].
  set (c := sqrt (top / INR m)). assert (Hc : 0 <= c) by apply sqrt_pos.
  set (P := fun t => norm d (vsub (w t) (w (pred t)))).
  set (u := fun t => eta p * c * ((1 + gamma p) * norm n (xi t) + gamma p * norm n (xi (pred t)))).
  assert (Step : forall t, P (S t) <= beta p * P t + u t).
  { intros t. unfold P, w. simpl pred.
    rewrite (norm_ext d _ (vadd (vscal (beta p) (vsub (W t r) (W (pred t) r)))
      (vadd (vscal (- (eta p * (1 + gamma p))) (gradient net (W t) r))
            (vscal (eta p * gamma p) (gradient net (W (pred t)) r))))).
    2: { intros k Hk. unfold vsub, vadd, vscal. rewrite (train t r Hr k Hk). ring. }
    eapply Rle_trans; [apply norm_triangle|]. rewrite norm_scal, (Rabs_pos_eq (beta p)) by lra.
    apply Rplus_le_compat_l. eapply Rle_trans; [apply norm_triangle|].
    rewrite !norm_scal, Rabs_Ropp.
    assert (P1 : 0 <= eta p * (1 + gamma p)) by (apply Rmult_le_pos; lra).
    assert (P2 : 0 <= eta p * gamma p) by (apply Rmult_le_pos; lra).
    rewrite !Rabs_pos_eq by assumption.
    pose proof (Rmult_le_compat_l _ _ _ P1 (gradient_norm t r Hr)).
    pose proof (Rmult_le_compat_l _ _ _ P2 (gradient_norm (pred t) r Hr)). fold c in H, H0. unfold u. lra. }
  pose proof (momentum_sum (beta p) P u T (proj1 beta_range) (fun k => norm_nonneg d _) (fun k _ => Step k)) as K.
  assert (Z : P O = 0).
  { unfold P. simpl pred. rewrite (norm_ext d _ vzero); [apply norm_zero|].
    intros. unfold vsub, vadd, vscal, vzero. ring. }
  rewrite Z, Rmult_0_r, Rplus_0_l in K. unfold P in K. simpl pred in K.
  assert (U : sum T u <= eta p * c * ((1 + 2 * gamma p) * sum T (fun s => norm n (xi s)) + gamma p * norm n (xi O))).
  { unfold u. rewrite sum_scal, sum_plus, !sum_scal.
    pose proof (sum_before T (fun t => norm n (xi t)) (fun t => norm_nonneg n _)) as B. simpl in B.
    pose proof (Rmult_le_compat_l _ _ _ gamma_nonneg B).
    apply Rmult_le_compat_l; [now apply Rmult_le_pos|]. lra. }
  apply (Rmult_le_reg_l (1 - beta p)); [lra|]. eapply Rle_trans; [exact K|]. eapply Rle_trans; [exact U|].
  apply Req_le. field. lra.
Qed.

End Distance.
