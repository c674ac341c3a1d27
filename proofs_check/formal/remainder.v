(** The remainder against the linear model of the initial Gram matrix, and its bound through the sets S_i(rad).

    V(t+1) = M V(t) + [e(t); 0] with M built from H(0).  While all neurons stay within [rad] of their start,
      |e_i(t)| <= eta sum_j D_ij ((1+gamma)|xi_j(t)| + gamma |xi_j(t-1)|) + q_i (v_i(t) + beta v_i(t-1)),
      D_ij = |K_ij| #{r : A_ri(0), r in S_j}/m,   q_i = |S_i|/m,
      v(t) = beta v(t-1) + eta |K| ((1+gamma)|xi(t)| + gamma |xi(t-1)|),   v(-1) = 0. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion network flips recursion gronwall.
Open Scope R_scope.

Section Remainder.
Variable net : network.
Hypothesis ok : proper net.
Variables (p : method) (W : nat -> weights).
Hypothesis train : trained net p W.
Hypothesis eta_nonneg : 0 <= eta p.
Hypothesis beta_nonneg : 0 <= beta p.
Hypothesis gamma_nonneg : 0 <= gamma p.
Let n := samples net.
Let m := width net.
Let d := dimension net.
Let xi (t : nat) : vec := residual net (W t).
Let root := / sqrt (INR m).

(** e(t) = xi(t+1) - the first half of M V(t). *)
Definition remainder (t : nat) : vec :=
  fun i => xi (S t) i - fst (companion n p (gram net (W O)) (stacked net W t)) i.

(** (1+gamma)|xi(t)| + gamma |xi(t-1)| *)
Definition pull (t : nat) : vec := fun j => (1 + gamma p) * Rabs (xi t j) + gamma p * Rabs (xi (pred t) j).
(** D_ij and q_i *)
Definition risk (rad : R) : mat :=
  fun i j => abs_kernel net i j * (/ INR m * sum m (fun r => pattern net (W O) r i * near net rad (W O) r j)).
Definition share (rad : R) (i : nat) : R := near_count net rad (W O) i / INR m.
(** eta |K| pull(t), and v(t - 1), as the sum that it is: [speed 0 = 0] is v(-1), [speed (S t)] is v(t). *)
Definition force (t : nat) : vec := fun i => eta p * mul n (abs_kernel net) (pull t) i.
Definition speed (t : nat) : vec := fun i => carried (beta p) (fun s => force s i) t.

Lemma pull_nonneg t j : 0 <= pull t j.
Proof. unfold pull. pose proof (Rabs_pos (xi t j)). pose proof (Rabs_pos (xi (pred t) j)). nra. Qed.

(** |grad_r . x_i| <= m^(-1/2) sum_j |K_ij| |xi_j| *)
Lemma gradient_dot_abs t r i : (r < m)%nat ->
  Rabs (dot d (gradient net (W t) r) (input net i)) <= root * sum n (fun j => abs_kernel net i j * Rabs (xi t j)).
Proof.
  intros Hr. unfold d. rewrite gradient_dot, !Rabs_mult. fold n m root.
  rewrite (sign_abs net ok r Hr), Rmult_1_r.
  pose proof (root_width_pos net ok) as P. fold m in P.
  rewrite (Rabs_pos_eq root) by (unfold root; apply Rlt_le, Rinv_0_lt_compat, P).
  apply Rmult_le_compat_l; [unfold root; apply Rlt_le, Rinv_0_lt_compat, P|].
  eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros j _. rewrite Rabs_mult.
  apply Rmult_le_compat_l; [apply Rabs_pos|]. rewrite Rabs_mult. fold (xi t).
  pose proof (Rabs_pos (xi t j)). destruct (pattern_cases net (W t) r j) as [->| ->];
    rewrite ?Rabs_R0, ?Rabs_R1; unfold xi in *; lra.
Qed.

(** v_i(t) bounds sqrt m |z_ri(t+1) - z_ri(t)|, for every neuron. *)
Lemma speed_bounds t r i : (r < m)%nat ->
  Rabs (pre net (W (S t)) r i - pre net (W t) r i) <= root * speed (S t) i.
Proof.
  intros Hr.
  assert (G : forall s, Rabs (pre net (W s) r i - pre net (W (pred s)) r i) <= root * speed s i ->
    Rabs (pre net (W (S s)) r i - pre net (W s) r i) <= root * speed (S s) i).
  { intros s IH. rewrite (pre_step net p W s r i train Hr). fold d.
    pose proof (gradient_dot_abs s r i Hr) as A. pose proof (gradient_dot_abs (pred s) r i Hr) as B.
    set (z := pre net (W s) r i) in *. set (z' := pre net (W (pred s)) r i) in *.
    set (g := dot d (gradient net (W s) r) (input net i)) in *.
    set (g' := dot d (gradient net (W (pred s)) r) (input net i)) in *.
    replace (z + beta p * (z - z') - eta p * (1 + gamma p) * g + eta p * gamma p * g' - z)
      with (beta p * (z - z') + (- (eta p * (1 + gamma p)) * g + eta p * gamma p * g')) by ring.
    assert (E : root * speed (S s) i = beta p * (root * speed s i)
      + (eta p * (1 + gamma p) * (root * sum n (fun j => abs_kernel net i j * Rabs (xi s j)))
         + eta p * gamma p * (root * sum n (fun j => abs_kernel net i j * Rabs (xi (pred s) j))))).
    { unfold speed. simpl carried. unfold force at 2. unfold mul, pull.
      rewrite (sum_ext n (fun j => abs_kernel net i j * _)
        (fun j => (1 + gamma p) * (abs_kernel net i j * Rabs (xi s j)) + gamma p * (abs_kernel net i j * Rabs (xi (pred s) j))))
        by (intros; ring).
      rewrite sum_plus, !sum_scal. ring. }
    rewrite E. eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat.
    - rewrite Rabs_mult, (Rabs_pos_eq (beta p)) by assumption. now apply Rmult_le_compat_l.
    - assert (0 <= eta p * (1 + gamma p)) by (apply Rmult_le_pos; lra).
      assert (0 <= eta p * gamma p) by (apply Rmult_le_pos; lra).
      eapply Rle_trans; [apply Rabs_triang|].
      rewrite (Rabs_mult (- _)), Rabs_Ropp, (Rabs_mult (eta p * gamma p)), !(Rabs_pos_eq (eta p * _)) by assumption.
      apply Rplus_le_compat; now apply Rmult_le_compat_l. }
  induction t as [|t IH]; apply G; [|exact IH].
  simpl pred. unfold speed. simpl carried. rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. lra.
Qed.

Section WithinBall.
Variables (rad : R) (t : nat).
(** All neurons are within [rad] of their start at t - 1, t and t + 1. *)
Hypothesis ball_next : in_ball net rad (W O) (W (S t)).
Hypothesis ball_now : in_ball net rad (W O) (W t).
Hypothesis ball_before : in_ball net rad (W O) (W (pred t)).

(** The Gram matrix with the initial pattern at i differs from H(0) by at most D. *)
Lemma cross_risk s i : (i < n)%nat -> in_ball net rad (W O) (W s) ->
  Rabs (mul n (cross net (pattern net (W O)) (W s)) (xi s) i - mul n (gram net (W O)) (xi s) i)
  <= mul n (risk rad) (fun j => Rabs (xi s j)) i.
Proof.
  intros Hi B. unfold mul. rewrite <- sum_minus. eapply Rle_trans; [apply sum_abs|].
  apply sum_le. intros j Hj. unfold gram, cross_gram, cross, risk. fold m.
  replace (kernel net i j * (/ INR m * sum m (fun r => pattern net (W O) r i * pattern net (W s) r j)) * xi s j
    - kernel net i j * (/ INR m * sum m (fun r => pattern net (W O) r i * pattern net (W O) r j)) * xi s j)
    with (kernel net i j * (/ INR m * (sum m (fun r => pattern net (W O) r i * pattern net (W s) r j)
      - sum m (fun r => pattern net (W O) r i * pattern net (W O) r j))) * xi s j) by ring.
  rewrite !Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|].
  apply Rmult_le_compat_l; [apply Rabs_pos|].
  pose proof (width_pos net ok) as P. fold m in P.
  assert (Q : 0 <= / INR m) by (apply Rlt_le, Rinv_0_lt_compat, P).
  rewrite (Rabs_pos_eq (/ INR m)) by assumption. apply Rmult_le_compat_l; [assumption|].
  rewrite <- sum_minus. eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros r Hr.
  pose proof (flipped_le_near net ok rad (W O) (W s) r j Hr Hj B) as F. unfold flipped in F.
  rewrite <- Rmult_minus_distr_l, Rabs_mult.
  destruct (pattern_cases net (W O) r i) as [->| ->]; rewrite ?Rabs_R0, ?Rabs_R1; lra.
Qed.

(** Off S_i the kink of the initial pattern vanishes; on it, its increments are those of z at most. *)
Lemma kink_difference r i s s' : (r < m)%nat -> (i < n)%nat ->
  in_ball net rad (W O) (W s) -> in_ball net rad (W O) (W s') ->
  Rabs (kink (pattern net (W O) r i) (pre net (W s) r i) - kink (pattern net (W O) r i) (pre net (W s') r i))
  <= near net rad (W O) r i * Rabs (pre net (W s) r i - pre net (W s') r i).
Proof.
  intros Hr Hi B B'. destruct (near_cases net rad (W O) r i) as [N|N]; rewrite N.
  - rewrite <- (pattern_kept net ok rad (W O) (W s) r i Hr Hi B N) at 1.
    rewrite <- (pattern_kept net ok rad (W O) (W s') r i Hr Hi B' N).
    unfold pattern. rewrite !kink_own, Rminus_0_r, Rabs_R0. lra.
  - rewrite Rmult_1_l. apply kink_lipschitz, pattern_cases.
Qed.

Lemma kinks_difference i : (i < n)%nat ->
  Rabs (kinks net (pattern net (W O)) (W (S t)) i - (1 + beta p) * kinks net (pattern net (W O)) (W t) i
        + beta p * kinks net (pattern net (W O)) (W (pred t)) i)
  <= share rad i * (speed (S t) i + beta p * speed t i).
Proof.
  intros Hi. pose proof (root_width_pos net ok) as P. fold m in P.
  assert (Q : 0 < root) by (unfold root; apply Rinv_0_lt_compat, P).
  set (k := fun s r => kink (pattern net (W O) r i) (pre net (W s) r i)).
  assert (E : kinks net (pattern net (W O)) (W (S t)) i - (1 + beta p) * kinks net (pattern net (W O)) (W t) i
        + beta p * kinks net (pattern net (W O)) (W (pred t)) i
      = root * sum m (fun r => sign net r * ((k (S t) r - k t r) - beta p * (k t r - k (pred t) r)))).
  { unfold kinks. fold m root.
    rewrite (sum_ext m (fun r => sign net r * (_ - _)) (fun r => sign net r * k (S t) r
      + (- (1 + beta p) * (sign net r * k t r) + beta p * (sign net r * k (pred t) r)))) by (intros; ring).
    rewrite !sum_plus, !sum_scal. unfold k. ring. }
  rewrite E, Rabs_mult, (Rabs_pos_eq root) by lra.
  apply Rle_trans with (root * sum m (fun r => near net rad (W O) r i * (root * (speed (S t) i + beta p * speed t i)))).
  - apply Rmult_le_compat_l; [lra|]. eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros r Hr.
    rewrite Rabs_mult, (sign_abs net ok r Hr), Rmult_1_l. unfold Rminus at 1.
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp, Rabs_mult, (Rabs_pos_eq (beta p)) by assumption.
    pose proof (kink_difference r i (S t) t Hr Hi ball_next ball_now) as A.
    pose proof (kink_difference r i t (pred t) Hr Hi ball_now ball_before) as B.
    fold (k (S t) r) (k t r) (k (pred t) r) in A, B.
    assert (A' : Rabs (pre net (W (S t)) r i - pre net (W t) r i) <= root * speed (S t) i) by now apply speed_bounds.
    assert (B' : Rabs (pre net (W t) r i - pre net (W (pred t)) r i) <= root * speed t i).
    { destruct t as [|s]; [|now apply speed_bounds].
      simpl pred. unfold speed. simpl carried. rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. lra. }
    destruct (near_cases net rad (W O) r i) as [N|N]; rewrite N in *; nra.
  - rewrite sum_scal_r. fold (near_count net rad (W O) i). unfold share. apply Req_le.
    unfold near_count. fold m. unfold Rdiv. unfold m at 3. rewrite <- (root_width_sq net ok). fold m root. ring.
Qed.

(** remainder-bound: while all neurons are within rad of their start at t - 1, t and t + 1, component by component
      |e_i(t)| <= eta (D ((1+gamma)|xi(t)| + gamma |xi(t-1)|))_i + q_i (v_i(t) + beta v_i(t-1)). *)
Theorem remainder_bound i : (i < n)%nat ->
  Rabs (remainder t i) <= eta p * mul n (risk rad) (pull t) i + share rad i * (speed (S t) i + beta p * speed t i).
Proof.
  intros Hi. pose proof (cross_risk t i Hi ball_now) as A. pose proof (cross_risk (pred t) i Hi ball_before) as B.
  pose proof (kinks_difference i Hi) as K.
  assert (E : mul n (risk rad) (pull t) i = (1 + gamma p) * mul n (risk rad) (fun j => Rabs (xi t j)) i
    + gamma p * mul n (risk rad) (fun j => Rabs (xi (pred t) j)) i).
  { unfold mul. rewrite <- !sum_scal, <- sum_plus. apply sum_ext. intros. unfold pull. ring. }
  assert (R : remainder t i = - (eta p * (1 + gamma p))
      * (mul n (cross net (pattern net (W O)) (W t)) (xi t) i - mul n (gram net (W O)) (xi t) i)
    + eta p * gamma p
      * (mul n (cross net (pattern net (W O)) (W (pred t))) (xi (pred t)) i - mul n (gram net (W O)) (xi (pred t)) i)
    + (kinks net (pattern net (W O)) (W (S t)) i - (1 + beta p) * kinks net (pattern net (W O)) (W t) i
        + beta p * kinks net (pattern net (W O)) (W (pred t)) i)).
  { unfold remainder, companion, stacked. unfold xi at 1.
    rewrite (recursion_with_pattern net ok p W train (pattern net (W O)) t i). fold n xi.
    unfold vadd, vscal. simpl fst. simpl snd. fold (xi t) (xi (pred t)). ring. }
  rewrite R, E. eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat; [|exact K].
  eapply Rle_trans; [apply Rabs_triang|].
  assert (P1 : 0 <= eta p * (1 + gamma p)) by (apply Rmult_le_pos; lra).
  assert (P2 : 0 <= eta p * gamma p) by (apply Rmult_le_pos; lra).
  rewrite (Rabs_mult (- _)), Rabs_Ropp, (Rabs_mult (eta p * gamma p)).
  rewrite (Rabs_pos_eq (eta p * (1 + gamma p))), (Rabs_pos_eq (eta p * gamma p)) by assumption.
  pose proof (Rmult_le_compat_l _ _ _ P1 A). pose proof (Rmult_le_compat_l _ _ _ P2 B). lra.
Qed.

End WithinBall.
End Remainder.
