(** The hypotheses can hold: training exists for every start, and a network meets every condition of the theorem.

    A conditional theorem says nothing where its conditions contradict each other.  One neuron and one sample are enough
    to see that these do not, with a residual that is not zero. *)

From Coq Require Import Reals Lra Lia.
From NagNtk Require Import vectors matrices companion tunings network bootstrap contraction.
Open Scope R_scope.

(** The weights at t and at t - 1. *)
Fixpoint history (net : network) (p : method) (W0 : weights) (t : nat) : weights * weights :=
  match t with
  | O => (W0, W0)
  | S s => let (now, before) := history net p W0 s in
      (fun r k => now r k + beta p * (now r k - before r k) - eta p * (1 + gamma p) * gradient net now r k
                  + eta p * gamma p * gradient net before r k, now)
  end.

(** Every method can be run from every initial network. *)
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
