(** What a certificate at initialisation gives for the steps after T, once the residual is below its bound up to there. *)

From Coq Require Import Reals Lra Lia Bool FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion network filters outputs counts reach responses initial certificate.
Open Scope R_scope.

Lemma geometric_below r k : 0 <= r < 1 -> sum k (fun s => r ^ s) <= / (1 - r).
Proof.
  intros L. apply (Rmult_le_reg_l (1 - r)); [lra|]. rewrite Rinv_r by lra.
  assert (G : (1 - r) * sum k (fun s => r ^ s) = 1 - r ^ k).
  { induction k as [|k IH]; simpl; [lra|]. rewrite Rmult_plus_distr_l, IH. ring. }
  rewrite G. assert (0 <= r ^ k) by (apply pow_le; lra). lra.
Qed.

Lemma scaled_le c x s y : 0 <= c -> x <= s * y -> c * x <= s * (c * y).
Proof. intros C L. replace (s * (c * y)) with (c * (s * y)) by ring. now apply Rmult_le_compat_l. Qed.

Lemma near_bound x y c d : Rabs (x - y) <= c -> Rabs y <= d -> Rabs x <= d + c.
Proof. intros A B. pose proof (Rabs_triang y (x - y)) as Q. replace (y + (x - y)) with x in Q by ring. lra. Qed.

Section Tail.
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

Lemma at_T : holds net p push W X f e may T.
Proof. exact (comparison net ok p push W train beta_nonneg now_nonneg push_nonneg X f e D dS may may_grows T recursion T (le_n T)). Qed.

Lemma may_late t q j : may t q j = true -> (t <= T)%nat -> late q j = true.
Proof.
  intros F L. rewrite <- (pairs_go_on O).
  assert (G : forall k, may (t + k)%nat q j = true).
  { induction k as [|k IH]; [now rewrite Nat.add_0_r|]. rewrite Nat.add_succ_r. now apply may_grows. }
  replace (T + 1)%nat with (t + (T + 1 - t))%nat by lia. apply G.
Qed.

Lemma power_nonneg k : 0 <= r ^ k.
Proof. apply pow_le, rate_range. Qed.

(** |X| after T, T included. *)
Lemma X_after k j : (j < n)%nat -> X (T + k)%nat j <= r ^ k * zeta j.
Proof.
  intros Hj. destruct k as [|k]; [rewrite Nat.add_0_r; simpl; pose proof (residual_begins _ _ _ _ _ given j Hj); lra|].
  rewrite residual_goes_on. unfold vscal. lra.
Qed.

(** The filter of bounds after T. *)
Lemma memory_after k j : (j < n)%nat -> momentum_bound p push X (T + k) j <= r ^ k * memory j.
Proof.
  intros Hj. induction k as [|k IH].
  - rewrite Nat.add_0_r. simpl. pose proof (memory_begins _ _ _ _ _ given j Hj). lra.
  - rewrite Nat.add_succ_r. unfold momentum_bound in *. simpl filter. cbn [snd].
    pose proof (X_after k j Hj) as Xk. pose proof (memory_goes_on _ _ _ _ _ given j Hj) as M. pose proof (power_nonneg k) as P.
    pose proof (Rabs_pos l) as L. pose proof (Rmult_le_compat_l _ _ _ beta_nonneg IH) as B1.
    pose proof (Rmult_le_compat_l _ _ _ L Xk) as B2. pose proof (Rmult_le_compat_l _ _ _ P M) as B3. simpl pow. lra.
Qed.

Lemma mu_after k j : (j < n)%nat -> rise_bound_of p push X (T + k) j <= r ^ k * step_bound j.
Proof.
  intros Hj. unfold rise_bound_of, rise, step_bound. pose proof (memory_after k j Hj) as M. unfold momentum_bound in M.
  pose proof (X_after k j Hj) as Xk. pose proof (Rmult_le_compat_l _ _ _ now_nonneg Xk) as N. lra.
Qed.

Lemma step_nonneg j : (j < n)%nat -> 0 <= step_bound j.
Proof.
  intros Hj. pose proof (mu_after O j Hj) as M. rewrite Nat.add_0_r in M. simpl in M.
  pose proof (total_small net p push W beta_nonneg now_nonneg push_nonneg X j T (proj1 at_T) Hj) as Q.
  pose proof (Rabs_pos (total_rise net p push W T j)). lra.
Qed.

Lemma counts_same k : may (S (T + k)) = may (S T).
Proof.
  replace (S (T + k)) with (T + S k)%nat by lia. replace (S T) with (T + 1)%nat by lia. now rewrite !pairs_go_on.
Qed.

Lemma count_pos (g : nat -> R) x : (forall q, 0 <= g q) -> 0 <= Rabs x * (/ INR m * sum m g).
Proof.
  intros G. apply Rmult_le_pos; [apply Rabs_pos|]. apply Rmult_le_pos; [|apply sum_nonneg; intros; apply G].
  apply Rlt_le, Rinv_0_lt_compat. exact (width_pos net ok).
Qed.

Lemma first_range q i : 0 <= first net W q i <= 1.
Proof. destruct (first_cases net W q i) as [-> | ->]; lra. Qed.

(** Jumps and errors after T. *)
Lemma jump_after k : below net W X (T + k) -> kept net W may (S (T + k)) ->
  (forall j, (j < n)%nat -> Rabs (total_rise net p push W (T + k) j) <= r ^ k * delta j) ->
  forall i, (i < n)%nat -> Rabs (jump net p push W (T + k) i) <= r ^ k * late_jump i.
Proof.
  intros B K G i Hi.
  eapply Rle_trans; [now apply (jump_step net ok p push W beta_nonneg now_nonneg push_nonneg X may may_grows (T + k) (fun j => r ^ k * delta j))|].
  unfold late_jump. rewrite Rmult_plus_distr_l. unfold mul. fold n. rewrite <- !sum_scal. unfold half_count, both_count.
  rewrite counts_same. apply Rplus_le_compat; apply sum_le; intros j Hj.
  - match goal with |- ?c * ?x <= _ * (?c * ?y) => assert (C : 0 <= c) end.
    { apply count_pos. intros q. pose proof (bit_range (may (S T) q i)). pose proof (bit_range (negb (may (S T) q j))).
      pose proof (first_range q j). repeat apply Rmult_le_pos; lra. }
    apply scaled_le; [exact C|].
    pose proof (mu_after k j Hj) as M. pose proof (power_nonneg k) as P. unfold Rmin.
    destruct (Rle_dec (r ^ k * delta j) (rise_bound_of p push X (T + k) j)), (Rle_dec (delta j) (step_bound j)); nra.
  - match goal with |- ?c * ?x <= _ * (?c * ?y) => assert (C : 0 <= c) end.
    { apply count_pos. intros q. pose proof (bit_range (may (S T) q i)). pose proof (bit_range (may (S T) q j)).
      apply Rmult_le_pos; lra. }
    apply scaled_le; [exact C|]. now apply mu_after.
Qed.

Lemma error_after k : below net W X (T + k) -> kept net W may (T + k) -> forall i, (i < n)%nat ->
  Rabs (mask_error net W (T + k) i) <= r ^ k * late_error i.
Proof.
  intros B K i Hi. eapply Rle_trans; [now apply (mask_bound net ok W X may)|].
  unfold late_error, mul. fold n. rewrite <- sum_scal. apply sum_le. intros j Hj.
  assert (C : 0 <= mask_count net W may (T + k) i j).
  { apply count_pos. intros q. pose proof (bit_range (may (T + k)%nat q j)). pose proof (first_range q i).
    apply Rmult_le_pos; lra. }
  assert (C' : mask_count net W may (T + k) i j <= mask_count net W may (S T) i j).
  { unfold mask_count. apply Rmult_le_compat_l; [apply Rabs_pos|]. apply Rmult_le_compat_l.
    - apply Rlt_le, Rinv_0_lt_compat. exact (width_pos net ok).
    - apply sum_le. intros q _. apply Rmult_le_compat_l; [apply first_range|].
      destruct (may (T + k)%nat q j) eqn:F; [|simpl bit; apply bit_range].
      assert (G : may (S T) q j = true).
      { replace (S T) with (T + 1)%nat by lia. rewrite pairs_go_on. destruct k as [|k].
        - rewrite Nat.add_0_r in F. now apply (may_late T).
        - rewrite pairs_go_on in F. exact F. }
      rewrite G. lra. }
  pose proof (X_after k j Hj) as Xk. pose proof (bound_nonneg net W X (T + k) j B Hj) as P.
  apply Rle_trans with (mask_count net W may (S T) i j * X (T + k)%nat j).
  - apply Rmult_le_compat_r; assumption.
  - replace (r ^ k * (mask_count net W may (S T) i j * zeta j)) with (mask_count net W may (S T) i j * (r ^ k * zeta j)) by ring.
    apply Rmult_le_compat_l; lra.
Qed.

(** What the state at T leaves. *)
Lemma state_left o k i : (i < n)%nat ->
  Rabs (seen n (ahead n H b a l 0 o k) (xi T) (fun j => snd (filter b a l (- push * xi O j) (fun s => xi s j) T))
    (mask_momentum net p W T) i) <= left_over o k i.
Proof.
  intros Hi. unfold seen, left_over. destruct at_T as [B [K J]].
  eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat; [eapply Rle_trans; [apply Rabs_triang|]; apply Rplus_le_compat|];
    apply mul_abs; intros j Hj.
  - now apply (B T (le_n T)).
  - apply filter_bound; try assumption.
    + rewrite Rabs_mult, Rabs_Ropp, (Rabs_pos_eq push) by assumption. apply Rmult_le_compat_l; [assumption|].
      apply (B O); [lia|assumption].
    + intros s Hs. apply (B s); [lia|assumption].
  - apply filter_bound; try assumption; [rewrite Rabs_R0; lra|]. intros s Hs. now apply J.
Qed.

(** A pair that is not late is not met by strays; the others stray at most so far. *)
Lemma stray_after k q j : (forall s, (s <= k)%nat -> below net W X (T + s)) -> (j < n)%nat ->
  stray p X may (T + S k) q j <= bit (late q j) * (stray p X may T q j + step_bound j * / (1 - r)).
Proof.
  intros B Hj. destruct (late q j) eqn:F; simpl bit.
  - rewrite Rmult_1_l.
    assert (G : forall u, (u <= S k)%nat ->
      stray p X may (T + u) q j <= stray p X may T q j + sum u (fun s => r ^ s) * step_bound j).
    { induction u as [|u IH]; intros L; [rewrite Nat.add_0_r; simpl; lra|].
      rewrite Nat.add_succ_r. unfold stray in *. rewrite filter_next.
      assert (R1 : rise b a (Rabs l) 0 (fun s => bit (may s q j) * X s j) (T + u) <= rise_bound_of p push X (T + u) j).
      { eapply Rle_trans; [apply Rle_abs|]. unfold rise_bound_of.
        pose proof (rise_bound b a (Rabs l) 0 (push * X O j) (fun s => bit (may s q j) * X s j) (fun s => X s j) (T + u)
          beta_nonneg now_nonneg) as R0. rewrite Rabs_Rabsolu in R0. apply R0.
        - rewrite Rabs_R0. apply Rmult_le_pos; [assumption|]. apply (bound_nonneg net W X O j); [|assumption].
          intros s Hs. apply (B O ltac:(lia)). lia.
        - intros s Hs.
          assert (P : 0 <= X s j).
          { apply (bound_nonneg net W X s j); [|assumption]. intros v Hv. apply (B u ltac:(lia)). lia. }
          pose proof (bit_range (may s q j)). rewrite Rabs_pos_eq by (apply Rmult_le_pos; lra). nra. }
      pose proof (mu_after u j Hj). pose proof (IH ltac:(lia)). simpl sum. lra. }
    pose proof (G (S k) (le_n _)). pose proof (geometric_below r (S k) rate_range). pose proof (step_nonneg j Hj). nra.
  - rewrite Rmult_0_l. apply Req_le. unfold stray.
    rewrite (filter_ext _ _ _ _ _ (fun _ => 0 * 0)).
    + pose proof (filter_scal (beta p) (push_now p) (Rabs (push_later p)) 0 0 (fun _ => 0) (T + S k)) as E.
      rewrite Rmult_0_l in E. rewrite E. cbn [fst]. ring.
    + intros s Hs. destruct (may s q j) eqn:G; [|simpl; ring]. exfalso.
      destruct (Nat.le_gt_cases s T) as [L|L]; [rewrite (may_late s q j G L) in F; discriminate|].
      replace s with (T + S (s - T - 1))%nat in G by lia. rewrite pairs_go_on in G. congruence.
Qed.
End Tail.
