(** Which pairs can flip: where the movement is less than the first distance from 0, the sign is the first one. *)

From Coq Require Import Reals Lra Lia Bool FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion network filters outputs counts.
Open Scope R_scope.

Section Reach.
Variable net : network.
Hypothesis ok : proper net.
Variables (p : method) (push : R) (W : nat -> weights).
Hypothesis train : trained_from net p push W.
Hypothesis beta_nonneg : 0 <= beta p.
Hypothesis now_nonneg : 0 <= push_now p.
Variable X : nat -> vec.
Variable may : nat -> nat -> nat -> bool.
Let n := samples net.
Let m := width net.
Let root := / sqrt (INR m).
Local Notation first := (first net W).
Local Notation now := (now net W).
Local Notation total := (total net p push W).
Local Notation path_of := (path_of net p push W).
Local Notation stray := (stray p X may).

(** A bound on how far sqrt m z_ri has moved towards 0 at step t: along the neuron's own linear path, by what the outputs
    add, and by its samples that may have flipped. *)
Definition reach (t r i : nat) (path dS : vec) : R :=
  (if Rle_dec 0 (pre net (W O) r i) then 1 else -1) * sign net r * sum n (fun j => kernel net i j * (first r j * path j))
  + sum n (fun j => Rabs (kernel net i j) * (first r j * dS j)) + sum n (fun j => Rabs (kernel net i j) * stray t r j).

(** flip-set, for one pair: if the reach at step t is below sqrt m |z_ri(0)|, the pattern of (r, i) at t is the first one. *)
Theorem flip_set t r i (path dS : vec) : (r < m)%nat -> (i < n)%nat -> (forall s, (s < t)%nat -> below net W X s /\ kept net W may s) ->
  (forall j, (j < n)%nat -> Rabs (total t j - path j) <= dS j) ->
  reach t r i path dS < Rabs (sqrt (INR m) * pre net (W O) r i) -> now t r i = first r i.
Proof.
  intros Hr Hi L Near M. unfold outputs.now, outputs.first, pattern. set (z := pre net (W O) r i) in *.
  pose proof (neuron_path net p push W train t r i Hr) as P. fold n m root z in P.
  set (side := if Rle_dec 0 z then 1 else -1) in *.
  assert (Hroot : 0 < root) by (apply Rinv_0_lt_compat; exact (root_width_pos net ok)).
  assert (Sq : root * sqrt (INR m) = 1) by (apply Rinv_l; pose proof (root_width_pos net ok); unfold m; lra).
  assert (Side : Rabs (side * sign net r) = 1).
  { rewrite Rabs_mult, (sign_abs net ok r Hr), Rmult_1_r. unfold side. destruct (Rle_dec 0 z); unfold Rabs; destruct Rcase_abs; lra. }
  assert (Mv : side * sign net r * sum n (fun j => kernel net i j * path_of r j t) <= reach t r i path dS).
  { unfold reach. fold n m z side.
    rewrite (sum_ext n (fun j => kernel net i j * path_of r j t)
      (fun j => kernel net i j * (first r j * path j)
        + (kernel net i j * (first r j * (total t j - path j)) + kernel net i j * (path_of r j t - first r j * total t j))))
      by (intros; ring).
    rewrite !sum_plus, !Rmult_plus_distr_l, <- Rplus_assoc. apply Rplus_le_compat; [apply Rplus_le_compat_l|].
    - eapply Rle_trans; [apply Rle_abs|]. rewrite Rabs_mult, Side, Rmult_1_l. eapply Rle_trans; [apply sum_abs|].
      apply sum_le. intros j Hj. rewrite !Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos|]. pose proof (Near j Hj).
      destruct (first_cases net W r j) as [-> | ->]; rewrite ?Rabs_R0, ?Rabs_R1; lra.
    - eapply Rle_trans; [apply Rle_abs|]. rewrite Rabs_mult, Side, Rmult_1_l. eapply Rle_trans; [apply sum_abs|].
      apply sum_le. intros j Hj. rewrite Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos|]. now apply stray_small. }
  assert (G : side * pre net (W t) r i > 0).
  { rewrite P. replace (side * (z - root * sign net r * sum n (fun j => kernel net i j * path_of r j t)))
      with (root * (side * (sqrt (INR m) * z) - side * sign net r * sum n (fun j => kernel net i j * path_of r j t))).
    2: { transitivity (side * ((root * sqrt (INR m)) * z) - side * (root * sign net r * sum n (fun j => kernel net i j * path_of r j t)));
         [ring|]. rewrite Sq. ring. }
    apply Rmult_lt_0_compat; [assumption|].
    assert (Ab : side * (sqrt (INR m) * z) = Rabs (sqrt (INR m) * z)).
    { pose proof (root_width_pos net ok) as R0. fold m in R0. rewrite Rabs_mult, (Rabs_pos_eq (sqrt (INR m))) by lra.
      unfold side. destruct (Rle_dec 0 z); [rewrite Rabs_pos_eq by assumption; ring|].
      rewrite (Rabs_left z) by lra. ring. }
    lra. }
  unfold active. unfold side in G. destruct (Rle_dec 0 z), (Rle_dec 0 (pre net (W t) r i)); lra.
Qed.
(** The stray of a pair that may have flipped from step tau on:  M(t) - M(tau) - g(t - tau) Q(tau). *)
Theorem stray_value r j tau k : (forall s, may s r j = Nat.leb tau s) ->
  let M s := fst (filter (beta p) (push_now p) (Rabs (push_later p)) (push * X O j) (fun s => X s j) s) in
  stray (tau + k) r j = M (tau + k)%nat - M tau - geometric (beta p) k * momentum_bound p push X tau j.
Proof.
  intros L M. unfold M, momentum_bound. rewrite <- filter_from. unfold counts.stray. f_equal. apply filter_ext.
  intros s _. rewrite L. destruct (Nat.leb tau s); simpl; ring.
Qed.
End Reach.
