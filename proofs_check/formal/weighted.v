(** The closing condition with sums: bounds of the responses with weights r^-k turn it into finitely many inequalities.

    If the sums of r^-k |P(k)| over k are at most S_P for each response P, then it suffices that
      zeta >= S_Y (X(T) + late_jump/r) + S_ZH Q(T) + S_Z V(T) + S_W late_error/r,
      delta >= the same with the responses of the steps of S, and Q(T).
    delta and late_jump are here those of a step from T + k to T + k + 1 over r^k: r times those of the page. *)

From Coq Require Import Reals Lra Lia Bool FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion network filters outputs counts responses initial certificate.
Open Scope R_scope.

Section Weighted.
Variables (n : nat) (r : R).
Hypothesis r_pos : 0 < r.

(** The partial sums of r^-k |P(k)| are at most S, entry by entry. *)
Definition weighted_below (P : nat -> mat) (S : mat) : Prop :=
  forall k i j, (i < n)%nat -> (j < n)%nat -> sum k (fun s => (/ r) ^ s * Rabs (P s i j)) <= S i j.

Lemma inverse_power k : r ^ k * (/ r) ^ k = 1.
Proof. rewrite <- Rpow_mult_distr, Rinv_r by lra. apply pow1. Qed.

Lemma one_below P S k i x : weighted_below P S -> (i < n)%nat -> (forall j, (j < n)%nat -> 0 <= x j) ->
  mul n (mabs (P k)) x i <= r ^ k * mul n S x i.
Proof.
  intros B Hi Hx. unfold mul. rewrite <- sum_scal. apply sum_le. intros j Hj. rewrite <- Rmult_assoc.
  apply Rmult_le_compat_r; [now apply Hx|]. unfold mabs.
  pose proof (B (Datatypes.S k) i j Hi Hj) as L. simpl sum in L.
  assert (P0 : 0 <= sum k (fun s => (/ r) ^ s * Rabs (P s i j))).
  { apply sum_nonneg. intros s _. apply Rmult_le_pos; [apply pow_le, Rlt_le, Rinv_0_lt_compat, r_pos|apply Rabs_pos]. }
  assert (Q : (/ r) ^ k * Rabs (P k i j) <= S i j) by lra.
  apply (Rmult_le_compat_l (r ^ k)) in Q; [|apply pow_le; lra]. rewrite <- Rmult_assoc, inverse_power, Rmult_1_l in Q. exact Q.
Qed.

(** sum over s < k of |P(k-1-s)| r^s x  <=  r^(k-1) S x *)
Lemma sum_below P S k i x : weighted_below P S -> (i < n)%nat -> (forall j, (j < n)%nat -> 0 <= x j) ->
  r * sum k (fun s => mul n (mabs (P (k - Datatypes.S s)%nat)) (vscal (r ^ s) x) i) <= r ^ k * mul n S x i.
Proof.
  intros B Hi Hx. unfold mul. rewrite sum_swap, <- !sum_scal. apply sum_le. intros j Hj.
  rewrite <- Rmult_assoc. unfold vscal, mabs.
  apply Rle_trans with (r ^ k * sum k (fun s => (/ r) ^ s * Rabs (P s i j)) * x j).
  2: { apply Rmult_le_compat_r; [now apply Hx|]. apply Rmult_le_compat_l; [apply pow_le; lra|now apply B]. }
  apply Req_le.
  assert (Rev : forall u (g : nat -> nat -> R), sum u (fun s => g (u - Datatypes.S s)%nat s) = sum u (fun s => g s (u - Datatypes.S s)%nat)).
  { clear. intros u. induction u as [|u IH]; intros g; [reflexivity|]. rewrite (sum_first u).
    simpl sum at 2. replace (Datatypes.S u - 1)%nat with u by lia. replace (u - u)%nat with O by lia.
    rewrite (sum_ext u (fun i => g (Datatypes.S u - Datatypes.S (Datatypes.S i))%nat (Datatypes.S i))
      (fun i => (fun v w => g v (Datatypes.S w)) (u - Datatypes.S i)%nat i)) by reflexivity.
    rewrite (IH (fun v w => g v (Datatypes.S w))). rewrite Rplus_comm. f_equal.
    apply sum_ext. intros s Hs. f_equal. lia. }
  rewrite (Rev k (fun v w => Rabs (P v i j) * (r ^ w * x j))), <- sum_scal, <- (sum_scal k (r ^ k)), <- sum_scal_r.
  apply sum_ext. intros s Hs. assert (E : r * r ^ (k - Datatypes.S s) = r ^ k * (/ r) ^ s).
  { replace k with (Datatypes.S (k - Datatypes.S s) + s)%nat at 2 by lia. rewrite pow_add. simpl pow.
    rewrite Rmult_assoc, (inverse_power s). ring. }
  transitivity ((r * r ^ (k - Datatypes.S s)) * Rabs (P s i j) * x j); [ring|]. rewrite E. ring.
Qed.
End Weighted.

Section Closing.
Variables (net : network) (p : method) (push : R) (W : nat -> weights) (c : numbers).
Let n := samples net.
Local Notation r := (rate c).
Hypothesis r_pos : 0 < r.
Local Notation late_jump := (late_jump net p W c).
Local Notation late_error := (late_error net W c).
Local Notation Q := (momentum_bound p push (X c) (T c)).
Let V : vec := fun j => snd (filter (beta p) (push_now p) (Rabs (push_later p)) 0 (fun s => e c s j) (T c)).
Hypothesis jump_nonneg : forall j, (j < n)%nat -> 0 <= late_jump j.
Hypothesis error_nonneg : forall j, (j < n)%nat -> 0 <= late_error j.
Hypothesis X_nonneg : forall j, (j < n)%nat -> 0 <= X c (T c) j.
Hypothesis Q_nonneg : forall j, (j < n)%nat -> 0 <= Q j.
Hypothesis V_nonneg : forall j, (j < n)%nat -> 0 <= V j.

Variable o : view.
Hypothesis no_drive : forall i j, of_v o i j = 0.
Local Notation H := (gram net (W O)).
Let at_step (k : nat) : view := ahead n H (beta p) (push_now p) (push_later p) 0 o k.
Hypothesis beta_range : 0 <= beta p <= r.

(** The answer to the momentum of the start: beta^k times that of now, less the answer to a drive times H. *)
Lemma to_momentum k i j : (i < n)%nat -> (j < n)%nat ->
  of_q (at_step k) i j = beta p ^ k * of_q o i j - product n (of_v (at_step k)) H i j.
Proof.
  intros Hi Hj. unfold at_step. induction k as [|k IH].
  - simpl. unfold product. rewrite (sum_ext n _ (fun _ => 0)) by (intros; rewrite no_drive; ring). rewrite sum_zero. ring.
  - simpl ahead. unfold earlier at 1. cbn [of_q]. unfold madd, mscal. rewrite IH. unfold earlier. cbn [of_v].
    assert (E : product n (madd (of_x (ahead n H (beta p) (push_now p) (push_later p) 0 o k))
        (mscal (beta p) (of_v (ahead n H (beta p) (push_now p) (push_later p) 0 o k)))) H i j
      = product n (of_x (ahead n H (beta p) (push_now p) (push_later p) 0 o k)) H i j
        + beta p * product n (of_v (ahead n H (beta p) (push_now p) (push_later p) 0 o k)) H i j).
    { unfold product, madd, mscal. rewrite <- sum_scal, <- sum_plus. apply sum_ext. intros. ring. }
    change (fun i j => ?x i j + ?y i j) with (madd x y) in *. rewrite E. simpl pow. ring.
Qed.

Variables SY SZ SZH SW : mat.
Hypothesis below_Y : weighted_below n r (fun k => of_x (at_step k)) SY.
Hypothesis below_Z : weighted_below n r (fun k => of_v (at_step k)) SZ.
Hypothesis below_ZH : weighted_below n r (fun k => product n (of_v (at_step k)) H) SZH.
Hypothesis below_W : weighted_below n r (to_mask n H (beta p) (push_now p) (push_later p) 0 o) SW.

(** The closing inequalities of a certificate follow from sums of weighted responses, for the residual's view and that of
    its steps:  S_Y (X(T) + late_jump/r) + |o_q| Q(T) + S_ZH Q(T) + S_Z V(T) + S_W late_error/r <= z  gives
    left_over(k) + later(k) <= r^k z;  o_q is 0 for the residual and I for its steps. *)
Theorem closed_by_sums k i (z : vec) : (i < n)%nat ->
  mul n SY (X c (T c)) i + mul n SY late_jump i / r + mul n (mabs (of_q o)) Q i + mul n SZH Q i + mul n SZ V i
    + mul n SW late_error i / r <= z i ->
  left_over net p push W c o k i + later net p W c o k i <= r ^ k * z i.
Proof.
  intros Hi L. assert (P : 0 <= r ^ k) by (apply pow_le; lra).
  pose proof (one_below n r r_pos _ SY k i _ below_Y Hi X_nonneg) as A1.
  pose proof (one_below n r r_pos _ SZH k i _ below_ZH Hi Q_nonneg) as A2.
  pose proof (one_below n r r_pos _ SZ k i _ below_Z Hi V_nonneg) as A3.
  pose proof (sum_below n r r_pos _ SY k i _ below_Y Hi jump_nonneg) as B1.
  pose proof (sum_below n r r_pos _ SW k i _ below_W Hi error_nonneg) as B2.
  assert (A4 : mul n (mabs (of_q (at_step k))) Q i
    <= r ^ k * mul n (mabs (of_q o)) Q i + mul n (mabs (product n (of_v (at_step k)) H)) Q i).
  { unfold mul. rewrite <- sum_scal, <- sum_plus. apply sum_le. intros j Hj. rewrite <- Rmult_assoc, <- Rmult_plus_distr_r.
    apply Rmult_le_compat_r; [now apply Q_nonneg|]. unfold mabs. rewrite (to_momentum k i j Hi Hj).
    unfold Rminus. eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp, Rabs_mult.
    rewrite (Rabs_pos_eq (beta p ^ k)) by (apply pow_le; lra). apply Rplus_le_compat_r.
    apply Rmult_le_compat_r; [apply Rabs_pos|]. apply pow_incr. lra. }
  assert (D : forall x y, r * x <= r ^ k * y -> x <= r ^ k * (y / r)).
  { intros x y N. apply (Rmult_le_reg_l r); [assumption|]. replace (r * (r ^ k * (y / r))) with (r ^ k * y) by (field; lra). exact N. }
  apply D in B1, B2. unfold left_over, later, driven. cbv zeta. fold n. rewrite sum_plus.
  apply (Rmult_le_compat_l (r ^ k)) in L; [|exact P]. cbv beta in *. unfold at_step, V, to_jump in *. lra.
Qed.
End Closing.

(** Both views answer to no drive of now. *)
Lemma no_drive_residual i j : of_v residual_view i j = 0.
Proof. unfold residual_view, mscal. simpl. ring. Qed.

Lemma no_drive_rise a i j : of_v (rise_view a) i j = 0.
Proof. unfold rise_view, mscal. simpl. ring. Qed.
