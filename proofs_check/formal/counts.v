(** How large the jumps of neurons and the errors of masks are: counts of pairs that may have flipped.

    X bounds |xi|, and mu, the filter of X with |l| for l, every step of every masked filter. *)

From Coq Require Import Reals Lra Lia Bool FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion network filters outputs.
Open Scope R_scope.

Definition bit (c : bool) : R := if c then 1 else 0.

Lemma bit_range c : 0 <= bit c <= 1.
Proof. destruct c; simpl; lra. Qed.

Section Counts.
Variable net : network.
Hypothesis ok : proper net.
Variables (p : method) (push : R) (W : nat -> weights).
Let n := samples net.
Let m := width net.
Let xi (t : nat) : vec := residual net (W t).
Let b := beta p.
Let a := push_now p.
Let l := push_later p.
Local Notation first := (first net W).
Local Notation now := (now net W).
Local Notation off := (off net).
Local Notation total := (total net p push W).
Local Notation path_of := (path_of net p push W).
Local Notation total_rise := (total_rise net p push W).
Local Notation passed := (passed net W).
Local Notation rise_of := (rise_of net p push W).
Local Notation jump := (jump net p push W).
Local Notation jump_of := (jump_of net p push W).
Local Notation mask_error := (mask_error net W).
Hypothesis beta_nonneg : 0 <= beta p.
Hypothesis now_nonneg : 0 <= push_now p.
Hypothesis push_nonneg : 0 <= push.

(** A bound of |xi|, and the filter of bounds: mu(t+1) = Q(t) + p X(t), Q(t+1) = beta Q(t) + |l| X(t), Q(0) = push X(0). *)
Variable X : nat -> vec.
Definition momentum_bound (t : nat) : vec := fun j => snd (filter b a (Rabs l) (push * X O j) (fun s => X s j) t).
Definition rise_bound_of (t : nat) : vec := fun j => rise b a (Rabs l) (push * X O j) (fun s => X s j) t.
(** [may t r i]: the pair may have changed its sign at some step up to t. *)
Variable may : nat -> nat -> nat -> bool.
Hypothesis may_grows : forall t r i, may t r i = true -> may (S t) r i = true.

(** What an error of its mask can have moved a neuron by: the filter of X from the first flip on. *)
Definition stray (t r j : nat) : R := fst (filter b a (Rabs l) 0 (fun s => bit (may s r j) * X s j) t).

(** Up to t, |xi| <= X, and other pairs have kept their sign. *)
Definition below (t : nat) : Prop := forall s, (s <= t)%nat -> forall i, (i < n)%nat -> Rabs (xi s i) <= X s i.
Definition kept (t : nat) : Prop := forall s, (s <= t)%nat -> forall r i, (r < m)%nat -> (i < n)%nat ->
  may s r i = false -> now s r i = first r i.

Lemma may_before s t r i : (s <= t)%nat -> may t r i = false -> may s r i = false.
Proof.
  intros L. induction L as [|t L IH]; [trivial|]. intros F. apply IH. destruct (may t r i) eqn:E; [|reflexivity].
  apply may_grows in E. congruence.
Qed.


Lemma bound_nonneg t j : below t -> (j < n)%nat -> 0 <= X t j.
Proof. intros B Hj. eapply Rle_trans; [apply Rabs_pos|apply (B t (le_n t) j Hj)]. Qed.

(** A filter of the residual with a mask whose values are at most 1 in size. *)
Lemma masked_rise (w : nat -> R) t j : below t -> (j < n)%nat -> (forall s, Rabs (w s) <= 1) ->
  Rabs (rise b a l (- push * (w O * xi O j)) (fun s => w s * xi s j) t) <= rise_bound_of t j.
Proof.
  intros B Hj Hw.
  assert (G : forall s, (s <= t)%nat -> Rabs (w s * xi s j) <= X s j).
  { intros s Hs. rewrite Rabs_mult. pose proof (B s Hs j Hj). pose proof (Hw s). pose proof (Rabs_pos (w s)).
    pose proof (Rabs_pos (xi s j)). nra. }
  apply rise_bound; try assumption.
  rewrite Rabs_mult, Rabs_Ropp, (Rabs_pos_eq push) by assumption. apply Rmult_le_compat_l; [assumption|]. apply G. lia.
Qed.

Lemma rise_small r j t : below t -> (j < n)%nat -> Rabs (rise_of r j t) <= rise_bound_of t j.
Proof.
  intros B Hj. apply (masked_rise (fun s => now s r j) t j B Hj). intros s.
  destruct (now_cases net W s r j) as [-> | ->]; [rewrite Rabs_R0|rewrite Rabs_R1]; lra.
Qed.

Lemma total_small j t : below t -> (j < n)%nat -> Rabs (total_rise t j) <= rise_bound_of t j.
Proof.
  intros B Hj. pose proof (masked_rise (fun _ => 1) t j B Hj ltac:(intros; cbv beta; rewrite Rabs_R1; lra)) as G.
  unfold total_rise. replace (- push * (1 * xi O j)) with (- push * xi O j) in G by ring.
  unfold rise in *. rewrite (filter_ext b a l _ _ (fun s => xi s j)) in G by (intros; ring).
  rewrite !Rmult_1_l in G. exact G.
Qed.

(** The difference of a masked filter and the whole one is one with the mask's complement. *)
Lemma rest_small r j t : below t -> (j < n)%nat ->
  Rabs (rise_of r j t - total_rise t j) <= rise_bound_of t j.
Proof.
  intros B Hj. pose proof (masked_rise (fun s => now s r j - 1) t j B Hj) as G.
  assert (E : rise b a l (- push * ((now 0 r j - 1) * xi O j)) (fun s => (now s r j - 1) * xi s j) t
    = rise_of r j t - total_rise t j).
  { unfold rise_of, total_rise, rise. fold b a l.
    pose proof (filter_minus b a l (- push * masked net W r j 0) (- push * xi O j) (masked net W r j) (fun s => xi s j) t) as F.
    replace (- push * ((now 0 r j - 1) * xi O j)) with (- push * masked net W r j 0 - - push * xi O j)
      by (unfold masked, now, xi; ring).
    rewrite (filter_ext b a l _ (fun s => (now s r j - 1) * xi s j) (fun s => masked net W r j s - xi s j))
      by (intros; unfold masked, now, xi; ring).
    rewrite F. cbn [snd]. unfold masked, now, xi. ring. }
  cbv beta in G. rewrite E in G. apply G. intros s. destruct (now_cases net W s r j) as [-> | ->]; unfold Rabs; destruct Rcase_abs; lra.
Qed.

(** A pair that has kept its sign moves with the whole filter. *)
Lemma rise_kept r j t : (r < m)%nat -> (j < n)%nat -> kept t -> may t r j = false ->
  rise_of r j t = first r j * total_rise t j.
Proof.
  intros Hr Hj K F. assert (Z : rise b a l 0 (fun s => (now s r j - first r j) * xi s j) t = 0).
  { assert (V : forall s, (s <= t)%nat -> (now s r j - first r j) * xi s j = 0).
    { intros s Hs. rewrite (K s Hs r j Hr Hj (may_before s t r j Hs F)). ring. }
    unfold rise. rewrite (filter_ext b a l 0 _ (fun _ => 0 * 0)) by (intros s Hs; rewrite V by lia; ring).
    pose proof (filter_scal b a l 0 0 (fun _ => 0) t) as G. rewrite Rmult_0_l in G. rewrite G, V by lia. cbn [snd]. ring. }
  apply Rminus_diag_uniq. rewrite <- stray_rise. exact Z.
Qed.

Lemma stray_small r j t : (r < m)%nat -> (j < n)%nat -> (forall s, (s < t)%nat -> below s /\ kept s) ->
  Rabs (path_of r j t - first r j * total t j) <= stray t r j.
Proof.
  intros Hr Hj L. pose proof (stray_filter net p push W r j t) as E. apply (f_equal fst) in E. cbn [fst] in E. rewrite <- E.
  apply filter_bound; try assumption; [rewrite Rabs_R0; lra|].
  intros s Hs. fold (xi s). destruct (L s Hs) as [B K]. pose proof (B s (le_n s) j Hj) as Bs. destruct (may s r j) eqn:F; simpl bit.
  - rewrite Rabs_mult. pose proof (Rabs_pos (xi s j)).
    assert (Rabs (now s r j - first r j) <= 1).
    { destruct (now_cases net W s r j) as [-> | ->], (first_cases net W r j) as [-> | ->]; unfold Rabs; destruct Rcase_abs; lra. }
    pose proof (Rabs_pos (now s r j - first r j)). nra.
  - rewrite (K s (le_n s) r j Hr Hj F), Rminus_diag_eq, Rmult_0_l, Rabs_R0 by reflexivity. lra.
Qed.

(** ** Counts *)

(** |K_ij| (1/m) times the number of neurons with A_ri = 1 and a flipped pair (r, j), j <> i. *)
Definition mask_count (t : nat) : mat := fun i j =>
  Rabs (off i j) * (/ INR m * sum m (fun r => first r i * bit (may t r j))).
(** Of those with a flipped pair (r, i), A_rj = 1 and (r, j) not flipped. *)
Definition half_count (t : nat) : mat := fun i j =>
  Rabs (kernel net i j) * (/ INR m * sum m (fun r => bit (may t r i) * (first r j * bit (negb (may t r j))))).
(** Of those with both flipped. *)
Definition both_count (t : nat) : mat := fun i j =>
  Rabs (kernel net i j) * (/ INR m * sum m (fun r => bit (may t r i) * bit (may t r j))).

Let inv_m_pos : 0 < / INR m.
Proof. apply Rinv_0_lt_compat. exact (width_pos net ok). Qed.

(** The errors of the masks, (16) and (17) of the page: |mask_error(t)| <= mask_count(t) X(t). *)
Theorem mask_bound t i : (i < n)%nat -> below t -> kept t -> Rabs (mask_error t i) <= mul n (mask_count t) (X t) i.
Proof.
  intros Hi B K. unfold outputs.mask_error, mul, mask_count. fold n m (xi t).
  rewrite Rabs_mult, Rabs_Ropp, (Rabs_pos_eq (/ INR m)) by lra.
  rewrite (sum_ext n _ (fun j => / INR m * sum m (fun r => Rabs (off i j) * (first r i * bit (may t r j)) * X t j))).
  2: { intros j _. rewrite sum_scal_r, sum_scal. ring. }
  rewrite sum_scal, (sum_swap n m). apply Rmult_le_compat_l; [lra|]. eapply Rle_trans; [apply sum_abs|].
  apply sum_le. intros r Hr. eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros j Hj.
  rewrite !Rabs_mult. pose proof (B t (le_n t) j Hj) as Bt. pose proof (Rabs_pos (xi t j)). pose proof (Rabs_pos (off i j)).
  assert (D : Rabs (first r i) * Rabs (now t r j - first r j) <= first r i * bit (may t r j)).
  { destruct (may t r j) eqn:F; simpl bit.
    - destruct (first_cases net W r i) as [-> | ->]; rewrite ?Rabs_R0, ?Rabs_R1; try lra.
      destruct (now_cases net W t r j) as [-> | ->], (first_cases net W r j) as [-> | ->]; unfold Rabs; destruct Rcase_abs; lra.
    - rewrite (K t (le_n t) r j Hr Hj F), Rminus_diag_eq, Rabs_R0 by reflexivity. lra. }
  assert (0 <= first r i * bit (may t r j)).
  { pose proof (bit_range (may t r j)). destruct (first_cases net W r i) as [-> | ->]; lra. }
  pose proof (Rabs_pos (first r i)). pose proof (Rabs_pos (now t r j - first r j)).
  replace (Rabs (off i j) * Rabs (first r i) * (Rabs (now t r j - first r j) * Rabs (xi t j)))
    with (Rabs (off i j) * ((Rabs (first r i) * Rabs (now t r j - first r j)) * Rabs (xi t j))) by ring.
  rewrite (Rmult_assoc (Rabs (off i j)) (first r i * bit (may t r j))).
  apply Rmult_le_compat_l; [assumption|]. apply Rmult_le_compat; try assumption.
  now apply Rmult_le_pos.
Qed.

(** The jumps: with |S(t+1) - S(t)| <= D, and the counts of the pairs that may have flipped up to t + 1,
      |jump(t)| <= half_count min(D, mu) + both_count mu. *)
Theorem jump_bound t i D : (i < n)%nat -> below t -> kept (S t) ->
  (forall j, (j < n)%nat -> Rabs (total_rise t j) <= D j) ->
  Rabs (jump t i) <= mul n (half_count (S t)) (fun j => Rmin (D j) (rise_bound_of t j)) i
                     + mul n (both_count (S t)) (rise_bound_of t) i.
Proof.
  intros Hi B K Small. set (u := fun j => Rmin (D j) (rise_bound_of t j)). set (mu := rise_bound_of t).
  assert (Hu : forall j, (j < n)%nat -> Rabs (total_rise t j) <= u j).
  { intros j Hj. apply Rmin_glb; [now apply Small|now apply total_small]. }
  unfold outputs.jump, mul, half_count, both_count. fold n m.
  rewrite Rabs_mult, Rabs_Ropp, (Rabs_pos_eq (/ INR m)) by lra.
  rewrite <- sum_plus.
  rewrite (sum_ext n _ (fun j => / INR m * sum m (fun r => Rabs (kernel net i j) * (bit (may (S t) r i)
    * (first r j * bit (negb (may (S t) r j)) * u j + bit (may (S t) r j) * mu j))))).
  2: { intros j _. rewrite sum_scal.
       rewrite (sum_ext m (fun r => bit (may (S t) r i) * (first r j * bit (negb (may (S t) r j)) * u j + bit (may (S t) r j) * mu j))
         (fun r => bit (may (S t) r i) * (first r j * bit (negb (may (S t) r j))) * u j + bit (may (S t) r i) * bit (may (S t) r j) * mu j))
         by (intros; ring).
       rewrite sum_plus, !sum_scal_r. ring. }
  rewrite sum_scal, (sum_swap n m). apply Rmult_le_compat_l; [lra|]. eapply Rle_trans; [apply sum_abs|].
  apply sum_le. intros r Hr.
  assert (Kt : kept t) by (intros s Hs; apply K; lia).
  destruct (may (S t) r i) eqn:F; simpl bit.
  - pose proof (passed_range net W t r i) as Q.
    (* the bound of one term, whatever j *)
    set (v := fun j => first r j * bit (negb (may (S t) r j)) * u j + bit (may (S t) r j) * mu j).
    assert (V : forall j, (j < n)%nat -> Rabs (rise_of r j t) <= v j).
    { intros j Hj. unfold v. destruct (may (S t) r j) eqn:G; simpl bit; simpl negb.
      - pose proof (rise_small r j t B Hj) as Small'. fold mu in Small'. lra.
      - rewrite (rise_kept r j t Hr Hj Kt (may_before t (S t) r j ltac:(lia) G)), Rabs_mult. pose proof (Hu j Hj).
        destruct (first_cases net W r j) as [-> | ->]; rewrite ?Rabs_R0, ?Rabs_R1; lra. }
    apply Rle_trans with (sum n (fun j => Rabs (kernel net i j) * v j)); [|apply Req_le, sum_ext; intros; unfold v; ring].
    unfold jump_of. eapply Rle_trans; [apply Rabs_triang|].
    assert (Sp : sum n (fun j => Rabs (kernel net i j) * v j) = sum n (fun j => Rabs (off i j) * v j) + v i).
    { rewrite (sum_split n (fun j => Rabs (kernel net i j)) v i Hi).
      assert (E : kernel net i i = 1) by now apply (proj1 (proj2 ok)). rewrite E, Rabs_R1, Rmult_1_l. f_equal.
      apply sum_ext. intros j _. unfold off. destruct (Nat.eqb i j); [rewrite Rabs_R0|]; reflexivity. }
    rewrite Sp. apply Rplus_le_compat.
    + eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros j Hj. rewrite !Rabs_mult.
      apply Rmult_le_compat_l; [apply Rabs_pos|]. pose proof (V j Hj). pose proof (Rabs_pos (rise_of r j t)).
      assert (Rabs (passed t r i - first r i) <= 1).
      { destruct (first_cases net W r i) as [-> | ->]; unfold Rabs; destruct Rcase_abs; lra. }
      pose proof (Rabs_pos (passed t r i - first r i)). nra.
    + unfold v. rewrite F. simpl bit. simpl negb. rewrite Rmult_0_r, Rmult_0_l, Rplus_0_l, Rmult_1_l.
      pose proof (rise_small r i t B Hi) as R1. pose proof (total_small i t B Hi) as R2. pose proof (rest_small r i t B Hi) as R3.
      fold mu in R1, R2, R3. set (c := rise_of r i t) in *. set (s := total_rise t i) in *.
      destruct (first_cases net W r i) as [-> | ->].
      * rewrite Rmult_0_l, Rminus_0_r, Rabs_mult, (Rabs_pos_eq (passed t r i)) by lra. pose proof (Rabs_pos c). nra.
      * replace (passed t r i * c - 1 * s) with (passed t r i * (c - s) + (1 - passed t r i) * - s) by ring.
        eapply Rle_trans; [apply Rabs_triang|]. rewrite !Rabs_mult, Rabs_Ropp.
        rewrite (Rabs_pos_eq (passed t r i)), (Rabs_pos_eq (1 - passed t r i)) by lra. nra.
  - assert (E : jump_of t r i = 0).
    { unfold jump_of. pose proof (K t ltac:(lia) r i Hr Hi (may_before t (S t) r i ltac:(lia) F)) as A0.
      pose proof (K (S t) (le_n _) r i Hr Hi F) as A1.
      assert (Pa : passed t r i = first r i) by (apply slope_kept; assumption).
      rewrite Pa, (rise_kept r i t Hr Hi Kt (may_before t (S t) r i ltac:(lia) F)).
      rewrite (sum_ext n _ (fun _ => 0)) by (intros; ring). rewrite sum_zero.
      destruct (first_cases net W r i) as [-> | ->]; ring. }
    rewrite E, Rabs_R0. apply Req_le. symmetry. rewrite (sum_ext n _ (fun _ => 0)) by (intros; ring). apply sum_zero.
Qed.

End Counts.
