(** What a certificate at initialisation proves: convergence at its rate, and the pairs that keep their sign for ever. *)

From Coq Require Import Reals Lra Lia Bool FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion network flips filters outputs counts reach responses initial certificate tail.
Open Scope R_scope.

Section Certified.
Variables (net : network) (p : method) (push : R) (W : nat -> weights) (c : numbers).
Hypothesis given : certificate net p push W c.
Let ok := setting _ _ _ _ _ given.
Let train := training _ _ _ _ _ given.
Let beta_nonneg := beta_nonneg _ _ _ _ _ given.
Let now_nonneg := now_nonneg _ _ _ _ _ given.
Let push_nonneg := push_nonneg _ _ _ _ _ given.
Let recursion := recursion _ _ _ _ _ given.
Let may_grows := may_grows _ _ _ _ _ given.
Let rate_range := rate_range _ _ _ _ _ given.
Let residual_goes_on := residual_goes_on _ _ _ _ _ given.
Let pairs_go_on := pairs_go_on _ _ _ _ _ given.
Let n := samples net.
Let m := width net.
Let xi (t : nat) : vec := residual net (W t).
Local Notation b := (beta p).
Local Notation a := (push_now p).
Local Notation l := (push_later p).
Local Notation H := (gram net (W O)).
Local Notation r := (rate c).
Local Notation X := (X c).
Local Notation f := (f c).
Local Notation e := (e c).
Local Notation D := (D c).
Local Notation dS := (dS c).
Local Notation may := (may c).
Local Notation T := (T c).
Local Notation zeta := (zeta c).
Local Notation delta := (delta c).
Local Notation memory := (memory c).
Local Notation late := (late c).
Local Notation step_bound := (step_bound p c).
Local Notation late_jump := (late_jump net p W c).
Local Notation late_error := (late_error net W c).
Local Notation left_over := (left_over net p push W c).
Local Notation later := (later net p W c).
Let at_T := at_T net p push W c given.
Let may_late := may_late net p push W c given.
Let power_nonneg := power_nonneg net p push W c given.
Let X_after := X_after net p push W c given.
Let jump_after := jump_after net p push W c given.
Let error_after := error_after net p push W c given.
Let state_left := state_left net p push W c given.
Let stray_after := stray_after net p push W c given.

(** The claim after T, k steps on. *)
Let claim (k : nat) : Prop :=
  below net W X (T + k) /\ kept net W may (T + k)
  /\ (forall s j, (s < k)%nat -> (j < n)%nat ->
      Rabs (jump net p push W (T + s) j) <= vscal (r ^ s) late_jump j /\ Rabs (mask_error net W (T + s) j) <= vscal (r ^ s) late_error j)
  /\ (forall s j, (s < k)%nat -> (j < n)%nat -> Rabs (total_rise net p push W (T + s) j) <= r ^ s * delta j).

Let claim_next k : claim k -> claim (S k).
Proof.
  intros [B [K [J D1]]].
  assert (R : forall j, (j < n)%nat -> Rabs (total_rise net p push W (T + k) j) <= r ^ k * delta j).
  { intros j Hj. eapply Rle_trans; [|apply (rise_closes _ _ _ _ _ given k j Hj)].
    pose proof (rise_after net ok p push W train T k _ _ J j Hj) as A. pose proof (state_left (rise_view a) k j Hj) as L.
    exact (near_bound _ _ _ _ A L). }
  assert (D2 : forall s j, (s < S k)%nat -> (j < n)%nat -> Rabs (total_rise net p push W (T + s) j) <= r ^ s * delta j).
  { intros s j Hs Hj. destruct (Nat.eq_dec s k) as [->|N]; [now apply R|]. apply D1; [lia|assumption]. }
  assert (N : forall j, (j < n)%nat ->
    Rabs (total net p push W (T + S k) j - linear_total net p push W T j) <= dS T j + delta j * / (1 - r)).
  { intros j Hj.
    assert (D0 : 0 <= delta j).
    { pose proof (D2 O j ltac:(lia) Hj) as Q. rewrite Nat.add_0_r in Q. simpl in Q. pose proof (Rabs_pos (total_rise net p push W T j)). lra. }
    assert (G : forall u, (u <= S k)%nat -> Rabs (total net p push W (T + u) j - total net p push W T j) <= sum u (fun s => r ^ s) * delta j).
    { induction u as [|u IH]; intros L; [rewrite Nat.add_0_r, Rminus_diag_eq, Rabs_R0 by reflexivity; simpl; lra|].
      rewrite Nat.add_succ_r, total_next. pose proof (IH ltac:(lia)) as Q. pose proof (D2 u j ltac:(lia) Hj) as Q'.
      replace (total net p push W (T + u) j + total_rise net p push W (T + u) j - total net p push W T j)
        with ((total net p push W (T + u) j - total net p push W T j) + total_rise net p push W (T + u) j) by ring.
      eapply Rle_trans; [apply Rabs_triang|]. simpl sum. lra. }
    pose proof (G (S k) (le_n _)) as Q. pose proof (geometric_below r (S k) rate_range) as Ge.
    pose proof (total_near net ok p push W train X f e D dS may T T j recursion (le_n T) at_T Hj T (le_n T)) as Near.
    replace (total net p push W (T + S k) j - linear_total net p push W T j)
      with ((total net p push W T j - linear_total net p push W T j) + (total net p push W (T + S k) j - total net p push W T j)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. nra. }
  assert (Bs : forall s, (s <= k)%nat -> below net W X (T + s)) by (intros s Hs u Hu; apply B; lia).
  assert (K' : kept net W may (T + S k)).
  { rewrite Nat.add_succ_r. apply kept_next; [assumption|]. intros q i Hq Hi F. rewrite <- Nat.add_succ_r in *. rewrite pairs_go_on in F.
    apply (flip_set net ok p push W train beta_nonneg now_nonneg X may (T + S k) q i (linear_total net p push W T)
      (fun j => dS T j + delta j * / (1 - r)) Hq Hi).
    - intros s Hs. split; [intros u Hu; apply B; lia|intros u Hu; apply K; lia].
    - exact N.
    - eapply Rle_lt_trans; [|apply (late_margins _ _ _ _ _ given q i Hq Hi F)]. unfold reach, last_reach. fold n.
      apply Rplus_le_compat_l. apply sum_le. intros j Hj. apply Rmult_le_compat_l; [apply Rabs_pos|]. now apply stray_after. }
  assert (J2 : forall s j, (s < S k)%nat -> (j < n)%nat ->
    Rabs (jump net p push W (T + s) j) <= vscal (r ^ s) late_jump j /\ Rabs (mask_error net W (T + s) j) <= vscal (r ^ s) late_error j).
  { intros s j Hs Hj. destruct (Nat.eq_dec s k) as [->|Ne]; [|apply J; [lia|assumption]]. split.
    - apply jump_after; try assumption. now rewrite <- Nat.add_succ_r.
    - now apply error_after. }
  split; [|split; [exact K'|split; [exact J2|exact D2]]].
  rewrite Nat.add_succ_r. apply below_next; [assumption|]. intros i Hi. rewrite <- Nat.add_succ_r, residual_goes_on.
  unfold vscal. eapply Rle_trans; [|apply (residual_closes _ _ _ _ _ given k i Hi)].
  pose proof (residual_after net ok p push W train T (S k) _ _ J2 i Hi) as A. pose proof (state_left residual_view (S k) i Hi) as L.
  exact (near_bound _ _ _ _ A L).
Qed.

Let claim_always k : claim k.
Proof.
  induction k as [|k IH]; [|now apply claim_next]. unfold claim. rewrite Nat.add_0_r. destruct at_T as [B [K _]].
  repeat split; try assumption; lia.
Qed.

(** certificate-at-initialisation, the residual: |xi_i(T+k)| <= r^k zeta_i for every k. *)
Theorem certified_residual k i : (i < n)%nat -> Rabs (xi (T + k)%nat i) <= r ^ k * zeta i.
Proof.
  intros Hi. eapply Rle_trans; [apply (proj1 (claim_always k) (T + k)%nat (le_n _) i Hi)|]. now apply X_after.
Qed.

(** certificate-at-initialisation, the patterns: a pair outside the set keeps the sign of its first weights for ever. *)
Theorem certified_patterns t q i : (q < m)%nat -> (i < n)%nat -> late q i = false ->
  pattern net (W t) q i = pattern net (W O) q i.
Proof.
  intros Hq Hi F. apply (proj1 (proj2 (claim_always t)) t ltac:(lia) q i Hq Hi).
  destruct (may t q i) eqn:G; [|reflexivity]. exfalso.
  destruct (Nat.le_gt_cases t T) as [L|L]; [rewrite (may_late t q i G L) in F; discriminate|].
  replace t with (T + S (t - T - 1))%nat in G by lia. rewrite pairs_go_on in G. congruence.
Qed.

(** At no step have more pairs another sign than at the start than the set has members. *)
Theorem certified_flips t :
  sum n (fun i => sum m (fun q => flipped net (W O) (W t) q i)) <= sum n (fun i => sum m (fun q => bit (late q i))).
Proof.
  apply sum_le. intros i Hi. apply sum_le. intros q Hq. unfold flipped. destruct (late q i) eqn:F; simpl bit.
  - destruct (pattern_cases net (W t) q i) as [-> | ->], (pattern_cases net (W O) q i) as [-> | ->];
      unfold Rabs; destruct Rcase_abs; lra.
  - rewrite (certified_patterns t q i Hq Hi F), Rminus_diag_eq, Rabs_R0 by reflexivity. lra.
Qed.

(** certificate-at-initialisation, the theorem's inequality without momentum: bounds that stay below C rho^t |xi(0)| up to
    T, and |zeta| <= C rho^T |xi(0)| with r <= rho, give  |xi(t)| <= C rho^t |xi(0)|  for all t. *)
Theorem certified_descent (C rho : R) : r <= rho ->
  (forall t, (t <= T)%nat -> norm n (X t) <= C * rho ^ t * norm n (xi O)) -> norm n zeta <= C * rho ^ T * norm n (xi O) ->
  forall t, norm n (xi t) <= C * rho ^ t * norm n (xi O).
Proof.
  intros Le Early Late t. destruct (Nat.le_gt_cases t T) as [L|L].
  - eapply Rle_trans; [|now apply Early]. apply norm_le_pointwise. intros i Hi. now apply (proj1 at_T).
  - set (k := (t - T)%nat). replace t with (T + k)%nat by (unfold k; lia).
    apply Rle_trans with (r ^ k * norm n zeta).
    + eapply Rle_trans; [apply (norm_le_pointwise n _ (vscal (r ^ k) zeta)); intros i Hi; unfold vscal; now apply certified_residual|].
      rewrite norm_scal, (Rabs_pos_eq (r ^ k)) by apply power_nonneg. lra.
    + apply Rle_trans with (r ^ k * (C * rho ^ T * norm n (xi O))); [apply Rmult_le_compat_l; [apply power_nonneg|assumption]|].
      assert (P : 0 <= C * rho ^ T * norm n (xi O)) by (eapply Rle_trans; [apply norm_nonneg|exact Late]).
      rewrite pow_add. replace (C * (rho ^ T * rho ^ k) * norm n (xi O)) with (rho ^ k * (C * rho ^ T * norm n (xi O))) by ring.
      apply Rmult_le_compat_r; [assumption|]. apply pow_incr. split; [apply rate_range|assumption].
Qed.

(** certificate-at-initialisation, the theorem's inequality with momentum: bounds that stay below C rho^t |V(0)| up to T, and
    sqrt(1 + r^-2) |zeta| <= C rho^T |V(0)| with r <= rho, give  |V(t)| <= C rho^t |V(0)|  for all t. *)
Theorem certified_contraction (C rho : R) : 0 < r -> r <= rho ->
  let first := norm2 n (stacked net W O) in
  (forall t, (t <= T)%nat -> norm2 n (X t, X (pred t)) <= C * rho ^ t * first) ->
  sqrt (1 + / (r * r)) * norm n zeta <= C * rho ^ T * first ->
  forall t, norm2 n (stacked net W t) <= C * rho ^ t * first.
Proof.
  intros Pos Le first Early Late t.
  assert (Below : forall x y a b, (forall i, (i < n)%nat -> Rabs (x i) <= a i) -> (forall i, (i < n)%nat -> Rabs (y i) <= b i) ->
    norm2 n (x, y) <= norm2 n (a, b)).
  { intros x y u v A B. unfold norm2. apply sqrt_le_1_alt. unfold dot2. cbn [fst snd]. rewrite <- !norm_sq.
    pose proof (norm_le_pointwise n x u A). pose proof (norm_le_pointwise n y v B).
    pose proof (norm_nonneg n x). pose proof (norm_nonneg n y). nra. }
  destruct (Nat.le_gt_cases t T) as [L|L].
  - eapply Rle_trans; [|now apply Early]. apply Below; intros i Hi; apply (proj1 at_T); try assumption; lia.
  - set (k := (t - T - 1)%nat). replace t with (T + S k)%nat by (unfold k; lia).
    apply Rle_trans with (r ^ S k * (sqrt (1 + / (r * r)) * norm n zeta)).
    + apply Rle_trans with (norm2 n (vscal (r ^ S k) zeta, vscal (r ^ k) zeta)).
      * unfold stacked. apply Below; intros i Hi; unfold vscal; [now apply certified_residual|].
        replace (pred (T + S k)) with (T + k)%nat by lia. now apply certified_residual.
      * unfold norm2. rewrite <- (sqrt_Rsqr (r ^ S k * (sqrt (1 + / (r * r)) * norm n zeta))).
        2: { apply Rmult_le_pos; [apply power_nonneg|apply Rmult_le_pos; [apply sqrt_pos|apply norm_nonneg]]. }
        apply sqrt_le_1_alt. unfold Rsqr, dot2. cbn [fst snd]. rewrite !dot_scal_l, !dot_scal_r, <- norm_sq.
        assert (Q : 0 < / (r * r)) by (apply Rinv_0_lt_compat, Rmult_lt_0_compat; assumption).
        apply Rle_trans with (r ^ S k * r ^ S k * (sqrt (1 + / (r * r)) * sqrt (1 + / (r * r))) * (norm n zeta * norm n zeta)).
        2: { apply Req_le. ring. }
        rewrite sqrt_sqrt by lra. simpl pow. apply Req_le. field. assumption || lra.
    + apply Rle_trans with (r ^ S k * (C * rho ^ T * first)); [apply Rmult_le_compat_l; [apply power_nonneg|assumption]|].
      assert (P : 0 <= C * rho ^ T * first).
      { eapply Rle_trans; [|exact Late]. apply Rmult_le_pos; [apply sqrt_pos|apply norm_nonneg]. }
      rewrite pow_add. replace (C * (rho ^ T * rho ^ S k) * first) with (rho ^ S k * (C * rho ^ T * first)) by ring.
      apply Rmult_le_compat_r; [assumption|]. apply pow_incr. lra.
Qed.

(** A certificate at initialisation implies convergence: the training error goes to zero. *)
Theorem certified_convergence : Un_cv (fun t => norm n (xi t)) 0.
Proof.
  intros u Hu. set (z := norm n zeta). assert (Hz : 0 <= z) by apply norm_nonneg.
  destruct (pow_lt_1_zero r ltac:(pose proof rate_range; rewrite Rabs_pos_eq; lra) (u / (z + 1)) ltac:(apply Rdiv_lt_0_compat; lra)) as [N HN].
  exists (T + N)%nat. intros t Ht. unfold R_dist. rewrite Rminus_0_r, Rabs_pos_eq by apply norm_nonneg.
  replace t with (T + (t - T))%nat by lia. set (k := (t - T)%nat).
  pose proof (HN k ltac:(unfold k; lia)) as P. rewrite Rabs_pos_eq in P by apply power_nonneg.
  assert (Q : norm n (xi (T + k)%nat) <= r ^ k * z).
  { eapply Rle_trans; [apply (norm_le_pointwise n _ (vscal (r ^ k) zeta)); intros i Hi; unfold vscal; now apply certified_residual|].
    rewrite norm_scal, (Rabs_pos_eq (r ^ k)) by apply power_nonneg. unfold z. lra. }
  eapply Rle_lt_trans; [exact Q|].
  apply Rle_lt_trans with (u / (z + 1) * z); [apply Rmult_le_compat_r; lra|].
  apply (Rmult_lt_reg_r (z + 1)); [lra|]. replace (u / (z + 1) * z * (z + 1)) with (u * z) by (field; lra). lra.
Qed.
End Certified.
