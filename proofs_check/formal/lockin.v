(** The lock-in certificate: once the remaining movement is below every margin, no pattern ever changes again.

    Patterns at T - 1 and T agree; |M^k v| <= C rho^k |v| for the companion matrix of H(T), rho < 1; and for all r, i
      (beta/(1-beta)) |z_ri(T) - z_ri(T-1)|
      + (eta/(1-beta)) m^(-1/2) |K_i| [(1+2 gamma) C |V(T)|/(1-rho) + gamma |xi(T-1)|]  <  |z_ri(T)|.
    Then the dynamics is linear for ever, and the residual goes to zero at the rate rho.  Nothing is assumed of the width. *)

From Coq Require Import Reals Lra Lia.
From NagNtk Require Import vectors matrices companion blocks network flips recursion distance conditional.
Open Scope R_scope.

Section LockIn.
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

Variables (T : nat) (C rho : R).

(** The pattern at time t is the one at T. *)
Definition same_pattern (t : nat) : Prop :=
  forall r i, (r < m)%nat -> (i < n)%nat -> pattern net (W t) r i = pattern net (W T) r i.

(** What a pre-activation can still move. *)
Definition remaining (r i : nat) : R :=
  beta p / (1 - beta p) * Rabs (pre net (W T) r i - pre net (W (pred T)) r i)
  + eta p / (1 - beta p) * (/ sqrt (INR m) * norm n (kernel net i))
    * ((1 + 2 * gamma p) * (C * norm2 n (stacked net W T) / (1 - rho)) + gamma p * norm n (xi (pred T))).

Hypothesis settled : same_pattern (pred T).
Hypothesis powers : powers_bounded n p (gram net (W T)) C rho.
Hypothesis C_nonneg : 0 <= C.
Hypothesis rho_range : 0 <= rho < 1.
Hypothesis margin : forall r i, (r < m)%nat -> (i < n)%nat -> remaining r i < Rabs (pre net (W T) r i).

(** Three times in a row with the pattern of T make a step of the linear model of H(T). *)
Lemma linear_step t : same_pattern (S t) -> same_pattern t -> same_pattern (pred t) ->
  same2 n (stacked net W (S t)) (companion n p (gram net (W T)) (stacked net W t)).
Proof.
  intros A B D i Hi. unfold stacked, companion. simpl. split; [|reflexivity].
  rewrite (residual_recursion net ok p W train t i). fold n.
  assert (Z1 : phi_plus net W t i = 0).
  { unfold phi_plus. rewrite (sum_ext _ _ (fun _ => 0)); [rewrite sum_zero; ring|].
    intros r Hr. rewrite phi_only_flips; [ring|]. now rewrite (A r i Hr Hi), (B r i Hr Hi). }
  assert (Z2 : phi_minus net W t i = 0).
  { unfold phi_minus. rewrite (sum_ext _ _ (fun _ => 0)); [rewrite sum_zero; ring|].
    intros r Hr. rewrite (B r i Hr Hi), <- (D r i Hr Hi). unfold pattern. fold (kink (active (pre net (W (pred t)) r i)) (pre net (W (pred t)) r i)).
    rewrite kink_own. ring. }
  assert (G : forall s x, same_pattern s ->
    mul n (cross_gram net (W t) (W s)) x i = mul n (gram net (W T)) x i).
  { intros s x E. unfold mul. apply sum_ext. intros j Hj. unfold gram, cross_gram, cross. f_equal. f_equal. f_equal.
    apply sum_ext. intros r Hr. now rewrite (B r i Hr Hi), (E r j Hr Hj). }
  rewrite Z1, Z2. unfold gram at 1. rewrite (G t _ B), (G (pred t) _ D). unfold vadd, vscal. ring.
Qed.

Lemma before k : pred (T + S k) = (T + k)%nat.
Proof. lia. Qed.

Lemma settled_before k : (forall j, (j <= k)%nat -> same_pattern (T + j)) -> same_pattern (pred (T + k)).
Proof.
  intros L. destruct k as [|k]; [rewrite Nat.add_0_r; exact settled|]. rewrite before. apply L. lia.
Qed.

(** As long as patterns have not changed, V(T+k) = M^k V(T), hence |V(T+k)| <= C rho^k |V(T)|. *)
Lemma linear_since k : (forall j, (j <= k)%nat -> same_pattern (T + j)) ->
  norm2 n (stacked net W (T + k)) <= C * rho ^ k * norm2 n (stacked net W T).
Proof.
  intros L.
  assert (G : same2 n (stacked net W (T + k)) (power (companion n p (gram net (W T))) k (stacked net W T))).
  { induction k as [|k IH]; [rewrite Nat.add_0_r; intros i _; split; reflexivity|].
    rewrite Nat.add_succ_r. simpl power. intros i Hi.
    pose proof (linear_step (T + k)) as St.
    assert (St' : same2 n (stacked net W (S (T + k))) (companion n p (gram net (W T)) (stacked net W (T + k)))).
    { apply St; [rewrite <- Nat.add_succ_r; apply L; lia|apply L; lia|apply settled_before; intros; apply L; lia]. }
    pose proof (companion_same n p (gram net (W T)) _ _ (IH ltac:(intros; apply L; lia))) as Sm.
    destruct (St' i Hi) as [-> ->]. apply (Sm i Hi). }
  rewrite (norm2_same n _ _ G). apply powers.
Qed.

(** |grad_r . x_i| <= m^(-1/2) |K_i| |xi| *)
Lemma gradient_dot_row t r i : (r < m)%nat ->
  Rabs (dot d (gradient net (W t) r) (input net i)) <= / sqrt (INR m) * norm n (kernel net i) * norm n (xi t).
Proof.
  intros Hr. unfold d. rewrite gradient_dot, !Rabs_mult. fold n m.
  rewrite (sign_abs net ok r Hr), Rmult_1_r. pose proof (root_width_pos net ok) as P. fold m in P.
  rewrite (Rabs_pos_eq (/ sqrt (INR m))) by (apply Rlt_le, Rinv_0_lt_compat, P). rewrite Rmult_assoc.
  apply Rmult_le_compat_l; [apply Rlt_le, Rinv_0_lt_compat, P|].
  eapply Rle_trans; [apply (cauchy_schwarz n (kernel net i))|].
  apply Rmult_le_compat_l; [apply norm_nonneg|]. rewrite <- (norm_abs n (xi t)). apply norm_le_pointwise. intros j _.
  rewrite Rabs_mult. fold (xi t). pose proof (Rabs_pos (xi t j)).
  destruct (pattern_cases net (W t) r j) as [-> | ->]; rewrite ?Rabs_R0, ?Rabs_R1; unfold xi in *; lra.
Qed.

(** The movement from T on, while patterns have not changed. *)
Lemma movement k r i : (r < m)%nat -> (i < n)%nat -> (forall j, (j <= k)%nat -> same_pattern (T + j)) ->
  Rabs (pre net (W (T + S k)) r i - pre net (W T) r i) <= remaining r i.
Proof.
  intros Hr Hi L. set (c := / sqrt (INR m) * norm n (kernel net i)).
  assert (Hc : 0 <= c).
  { apply Rmult_le_pos; [|apply norm_nonneg]. apply Rlt_le, Rinv_0_lt_compat, (root_width_pos net ok). }
  set (P := fun j => Rabs (pre net (W (T + j)) r i - pre net (W (pred (T + j))) r i)).
  set (u := fun j => eta p * c * ((1 + gamma p) * norm n (xi (T + j)) + gamma p * norm n (xi (pred (T + j))))).
  assert (Step : forall j, P (S j) <= beta p * P j + u j).
  { intros j. unfold P. rewrite before. rewrite Nat.add_succ_r, (pre_step net p W (T + j) r i train Hr). fold d.
    pose proof (gradient_dot_row (T + j) r i Hr) as A. pose proof (gradient_dot_row (pred (T + j)) r i Hr) as B.
    fold c in A, B.
    set (z := pre net (W (T + j)) r i) in *. set (z' := pre net (W (pred (T + j))) r i) in *.
    set (g := dot d (gradient net (W (T + j)) r) (input net i)) in *.
    set (g' := dot d (gradient net (W (pred (T + j))) r) (input net i)) in *.
    replace (z + beta p * (z - z') - eta p * (1 + gamma p) * g + eta p * gamma p * g' - z)
      with (beta p * (z - z') + (- (eta p * (1 + gamma p)) * g + eta p * gamma p * g')) by ring.
    assert (P1 : 0 <= eta p * (1 + gamma p)) by (apply Rmult_le_pos; lra).
    assert (P2 : 0 <= eta p * gamma p) by (apply Rmult_le_pos; lra).
    eapply Rle_trans; [apply Rabs_triang|]. rewrite (Rabs_mult (beta p)), (Rabs_pos_eq (beta p)) by lra.
    apply Rplus_le_compat_l. eapply Rle_trans; [apply Rabs_triang|].
    rewrite (Rabs_mult (- _)), Rabs_Ropp, (Rabs_mult (eta p * gamma p)), !(Rabs_pos_eq (eta p * _)) by assumption.
    pose proof (Rmult_le_compat_l _ _ _ P1 A). pose proof (Rmult_le_compat_l _ _ _ P2 B). unfold u. lra. }
  pose proof (momentum_sum (beta p) P u (S k) (proj1 beta_range) (fun j => Rabs_pos _) (fun j _ => Step j)) as K.
  assert (Path : forall j, Rabs (pre net (W (T + j)) r i - pre net (W T) r i) <= sum j (fun l => P (S l))).
  { induction j as [|j IH]; [rewrite Nat.add_0_r, Rminus_diag_eq, Rabs_R0 by reflexivity; simpl; lra|].
    simpl sum. unfold P at 2. rewrite before.
    replace (pre net (W (T + S j)) r i - pre net (W T) r i)
      with ((pre net (W (T + j)) r i - pre net (W T) r i) + (pre net (W (T + S j)) r i - pre net (W (T + j)) r i)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. lra. }
  set (v := norm2 n (stacked net W T)). assert (Hv : 0 <= v) by apply norm2_nonneg.
  assert (Res : sum (S k) (fun j => norm n (xi (T + j))) <= C * v / (1 - rho)).
  { apply Rle_trans with (sum (S k) (fun j => C * v * rho ^ j)).
    - apply sum_le. intros j Hj. pose proof (norm2_first n (stacked net W (T + j))) as F. unfold stacked in F at 1. simpl in F.
      pose proof (linear_since j ltac:(intros; apply L; lia)) as G. fold v in G. unfold xi. fold n. lra.
    - rewrite sum_scal. unfold Rdiv. apply Rmult_le_compat_l; [now apply Rmult_le_pos|].
      apply (Rmult_le_reg_l (1 - rho)); [lra|]. rewrite Rinv_r by lra.
      assert (G : forall l, (1 - rho) * sum l (fun t => rho ^ t) = 1 - rho ^ l).
      { induction l as [|l IH]; simpl; [lra|]. rewrite Rmult_plus_distr_l, IH. ring. }
      rewrite G. assert (0 <= rho ^ S k) by (apply pow_le; lra). lra. }
  assert (Bef : sum (S k) (fun j => norm n (xi (pred (T + j))))
    <= norm n (xi (pred T)) + sum (S k) (fun j => norm n (xi (T + j)))).
  { rewrite sum_first, Nat.add_0_r. rewrite (sum_ext k _ (fun j => norm n (xi (T + j)))) by (intros; now rewrite before).
    simpl sum. pose proof (norm_nonneg n (xi (T + k))). lra. }
  assert (U : sum (S k) u <= eta p * c * ((1 + 2 * gamma p) * (C * v / (1 - rho)) + gamma p * norm n (xi (pred T)))).
  { unfold u. rewrite sum_scal, sum_plus, !sum_scal. apply Rmult_le_compat_l; [now apply Rmult_le_pos|].
    pose proof (Rmult_le_compat_l _ _ _ gamma_nonneg Bef). pose proof (Rmult_le_compat_l _ _ _ gamma_nonneg Res). lra. }
  eapply Rle_trans; [apply (Path (S k))|]. unfold remaining. fold c v.
  apply (Rmult_le_reg_l (1 - beta p)); [lra|]. eapply Rle_trans; [exact K|].
  unfold P at 1. rewrite Nat.add_0_r.
  match goal with |- _ <= ?y => replace y with (beta p * Rabs (pre net (W T) r i - pre net (W (pred T)) r i)
    + eta p * c * ((1 + 2 * gamma p) * (C * v / (1 - rho)) + gamma p * norm n (xi (pred T)))) by (field; lra) end. lra.
Qed.

(** A movement below the margin keeps the sign. *)
Lemma sign_kept z z' : Rabs (z' - z) < Rabs z -> active z' = active z.
Proof.
  intros L. unfold active. unfold Rabs in L. destruct (Rcase_abs (z' - z)), (Rcase_abs z), (Rle_dec 0 z'), (Rle_dec 0 z); lra.
Qed.

(** No pattern changes ever again, and the residual contracts at the rate of the linear model of H(T). *)
Theorem lock_in k :
  same_pattern (T + k) /\ norm2 n (stacked net W (T + k)) <= C * rho ^ k * norm2 n (stacked net W T).
Proof.
  assert (G : forall j, same_pattern (T + j)).
  { intros j. induction j as [j IH] using lt_wf_ind. destruct j as [|j]; [rewrite Nat.add_0_r; intros r i _ _; reflexivity|].
    intros r i Hr Hi. apply sign_kept. eapply Rle_lt_trans; [apply (movement j r i Hr Hi)|now apply margin].
    intros l Hl. apply IH. lia. }
  split; [apply G|apply linear_since; intros; apply G].
Qed.

(** The network with these weights reaches zero loss. *)
Corollary lock_in_zero_loss : Un_cv (fun k => norm n (xi (T + k))) 0.
Proof.
  intros e He. set (b := C * norm2 n (stacked net W T)).
  assert (Hb : 0 <= b) by (apply Rmult_le_pos; [assumption|apply norm2_nonneg]).
  destruct (pow_lt_1_zero rho ltac:(rewrite Rabs_pos_eq; lra) (e / (b + 1)) ltac:(apply Rdiv_lt_0_compat; lra)) as [N HN].
  exists N. intros k Hk. unfold R_dist. rewrite Rminus_0_r, Rabs_pos_eq by apply norm_nonneg.
  pose proof (norm2_first n (stacked net W (T + k))) as F. unfold stacked in F at 1. simpl in F.
  destruct (lock_in k) as [_ L]. pose proof (HN k Hk) as P. rewrite Rabs_pos_eq in P by (apply pow_le; lra).
  unfold xi. fold n in F. assert (Q : 0 <= rho ^ k) by (apply pow_le; lra).
  apply Rle_lt_trans with (b * rho ^ k); [unfold b; lra|].
  apply Rle_lt_trans with (b * (e / (b + 1))); [apply Rmult_le_compat_l; lra|].
  apply (Rmult_lt_reg_r (b + 1)); [lra|].
  replace (b * (e / (b + 1)) * (b + 1)) with (b * e) by (field; lra). lra.
Qed.

End LockIn.
