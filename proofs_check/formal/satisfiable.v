(** The hypotheses can hold: training exists from all first weights (gradient start), and a network meets every condition of the theorem.

    A conditional theorem says nothing where its conditions contradict each other.  One neuron and one sample are enough
    to see that these do not, with a residual that is not zero. *)

From Coq Require Import Reals Lra Lia.
From NagNtk Require Import vectors matrices companion tunings network bootstrap contraction filters outputs counts reach
  responses initial certificate.
Open Scope R_scope.

(** The weights at t and at t - 1. *)
Fixpoint history (net : network) (p : method) (W0 : weights) (t : nat) : weights * weights :=
  match t with
  | O => (W0, W0)
  | S s => let (now, before) := history net p W0 s in
      (fun r k => now r k + beta p * (now r k - before r k) - eta p * (1 + gamma p) * gradient net now r k
                  + eta p * gamma p * gradient net before r k, now)
  end.

(** Every method can be run from all first weights, here with the gradient start. *)
Theorem training_exists net p W0 : exists W, W O = W0 /\ trained net p W.
Proof.
  exists (fun t => fst (history net p W0 t)). split; [reflexivity|].
  assert (B : forall t, snd (history net p W0 t) = fst (history net p W0 (pred t))).
  { intros [|t]; [reflexivity|]. simpl. destruct (history net p W0 t). reflexivity. }
  intros t r _ k _. rewrite <- B. simpl. destruct (history net p W0 t). reflexivity.
Qed.

(** One neuron at w = 1, one sample x = 1, output 1, target 1 - 10^(-5). *)
Definition small : network := Network 1 1 1 (fun _ _ => 1) (fun _ => 1 - 1 / 100000) (fun _ => 1).
Definition ones : weights := fun _ _ => 1.

Lemma small_proper : proper small.
Proof. split; [simpl; lia|]. split; intros; [unfold dot; simpl; ring|left; reflexivity]. Qed.

Lemma small_pre r i : pre small ones r i = 1.
Proof. unfold pre, dot, ones. simpl. ring. Qed.

Lemma small_residual : residual small ones O = 1 / 100000.
Proof.
  unfold residual, output. simpl. rewrite sqrt_1, small_pre. unfold relu. rewrite Rmax_right by lra. field.
Qed.

Lemma small_gram i j : gram small ones i j = 1.
Proof.
  unfold gram, cross_gram, cross, pattern, kernel, dot, active. simpl. rewrite !small_pre.
  destruct (Rle_dec 0 1); [field|lra].
Qed.

Lemma small_norm : norm 1 (residual small ones) = 1 / 100000.
Proof.
  unfold norm, dot. simpl. rewrite small_residual, Rplus_0_l. apply sqrt_square. lra.
Qed.

(** Nesterov's theorem is not vacuous: some network meets all its hypotheses, and its residual is not zero. *)
Theorem nesterov_hypotheses_hold : exists net W lo hi rad top,
  proper net /\ trained net (nesterov lo hi) W /\ initial net (W O) lo hi rad top /\ 0 <= rad
  /\ 1040 * sqrt (kappa lo hi) * top * rad <= lo
  /\ 39 * sqrt (kappa lo hi) * sqrt (top / INR (width net)) * norm (samples net) (residual net (W O)) <= lo * rad
  /\ norm (samples net) (residual net (W O)) <> 0.
Proof.
  destruct (training_exists small (nesterov 1 1) ones) as [W [E T]].
  exists small, W, 1, 1, (1 / 1040), 1. rewrite E. simpl samples. simpl width.
  assert (K : sqrt (kappa 1 1) = 1) by (unfold kappa; replace (1 / 1) with 1 by field; apply sqrt_1).
  rewrite K, small_norm. simpl INR. replace (1 / 1) with 1 by field. rewrite sqrt_1.
  split; [apply small_proper|]. split; [exact T|]. split; [|lra].
  constructor; [lra|lra| | |].
  - split; [intros i j _ _; now rewrite !small_gram|].
    intros x. unfold dot, mul. simpl. rewrite small_gram. lra.
  - intros i _. unfold near_count, flip_count_bound, near. simpl. rewrite small_pre, Rabs_R1.
    destruct (Rle_dec 1 (1 / 1040)); lra.
  - exact (abs_kernel_norm small small_proper).
Qed.

(** ** The conditions of a certificate at initialisation *)

(** Gradient descent with the step 1/2 on the same network: the residual halves in each step, and no pair can flip. *)
Definition halves : method := Method (1 / 2) 0 0.
Definition halving : numbers := Numbers
  (fun t => vscal ((1 / 2) ^ t) (fun _ => 1 / 100000)) (fun _ _ => 0) (fun _ _ => 0) (fun _ _ => 0) (fun _ _ => 0)
  (fun _ _ _ => false) O (1 / 2) (fun _ => 1 / 100000) (fun _ => 1 / 100000) (fun _ => 0) (fun _ _ => false).

Lemma half_powers (o : view) k : of_x (ahead 1 (gram small ones) 0 (1 / 2) 0 0 o k) O O = (1 / 2) ^ k * of_x o O O.
Proof.
  induction k as [|k IH]; [simpl; ring|]. simpl ahead. unfold earlier. cbn [of_x].
  unfold madd, mscal, product. simpl sum. rewrite small_gram, IH. simpl pow. field.
Qed.

Lemma halving_left W (o : view) k i : W O = ones -> (i < 1)%nat -> 
  left_over small halves 0 W halving o k i + later small halves W halving o k i = (1 / 2) ^ k * (Rabs (of_x o O O) * (1 / 100000)).
Proof.
  intros E L. replace i with O by lia.
  assert (A : push_now halves = 1 / 2) by (unfold push_now, halves; simpl; field).
  assert (B : push_later halves = 0) by (unfold push_later, halves; simpl; field).
  assert (Z : forall j, late_jump small halves W halving j = 0 /\ late_error small W halving j = 0).
  { intros j. unfold late_jump, late_error, mul, half_count, both_count, mask_count. simpl. split; ring. }
  assert (La : later small halves W halving o k O = 0).
  { unfold later, driven. rewrite (sum_ext k _ (fun _ => 0)); [apply sum_zero|]. intros s _. unfold mul, vscal. simpl sum.
    rewrite (proj1 (Z O)), (proj2 (Z O)). ring. }
  rewrite La. unfold left_over. rewrite E, A, B. change (beta halves) with 0. cbv zeta. unfold mul, mabs. simpl sum.
  rewrite half_powers. unfold momentum_bound, halving. cbn [X T e]. simpl filter. cbn [snd]. unfold vscal.
  rewrite Rabs_mult, (Rabs_pos_eq ((1 / 2) ^ k)) by (apply pow_le; lra). simpl pow. ring.
Qed.

(** Certificates at initialisation are not vacuous either. *)
Theorem certificate_hypotheses_hold : exists net p push W c,
  certificate net p push W c /\ norm (samples net) (residual net (W O)) <> 0.
Proof.
  destruct (training_exists small halves ones) as [W [E Tr]].
  exists small, halves, 0, W, halving. split; [|change (samples small) with 1%nat; rewrite E, small_norm; lra].
  assert (A : push_now halves = 1 / 2) by (unfold push_now, halves; simpl; field).
  assert (B : push_later halves = 0) by (unfold push_later, halves; simpl; field).
  constructor; unfold halving; cbn [X f e D dS may T rate zeta delta memory late].
  - exact small_proper.
  - replace 0 with (eta halves * gamma halves) by (simpl; ring). now apply gradient_start.
  - simpl. lra.
  - lra.
  - lra.
  - constructor; try (intros; lia). intros i _. rewrite E. simpl. unfold vscal. 
    assert (R : forall i, residual small ones i = residual small ones O) by reflexivity.
    rewrite R, small_residual, Rabs_pos_eq by lra. simpl. lra.
  - intros; discriminate.
  - lra.
  - reflexivity.
  - reflexivity.
  - intros j _. unfold momentum_bound. simpl. lra.
  - intros j _. rewrite B, Rabs_R0. simpl. lra.
  - intros j _. unfold vscal. simpl. lra.
  - intros k i Hi. fold halving. rewrite (halving_left W residual_view (S k) i E Hi). unfold residual_view, eye. simpl of_x.
    rewrite Rabs_R1. lra.
  - intros k i Hi. fold halving. rewrite (halving_left W (rise_view (push_now halves)) k i E Hi).
    unfold rise_view, mscal, eye. cbn [of_x]. rewrite A. simpl Nat.eqb. cbv iota. rewrite Rabs_pos_eq by lra.
    pose proof (pow_le (1 / 2) k ltac:(lra)). lra.
  - intros q i Hq Hi _. unfold last_reach. cbn [X f e D dS may T rate zeta delta memory late]. rewrite E.
    assert (F : forall j, first small W q j = 1).
    { intros j. unfold first, pattern, active. rewrite E, small_pre. destruct (Rle_dec 0 1); lra. }
    assert (K : forall j, kernel small i j = 1) by (intros; unfold kernel, dot; simpl; ring).
    change (samples small) with 1%nat. change (width small) with 1%nat. simpl sum. rewrite !K, !F, small_pre, Rabs_R1.
    simpl bit. simpl INR. replace (Rabs (sqrt 1 * 1)) with 1 by (rewrite sqrt_1, Rmult_1_l, Rabs_R1; reflexivity).
    rewrite !Rmult_0_l, !Rmult_0_r. lra.
Qed.
