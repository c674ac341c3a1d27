(** The bootstrap: while all neurons stay in the ball the remainder is small, hence the residual contracts, hence they
    stay in the ball.

    One theorem for the whole family (eta, beta, gamma).  What it assumes of the initial network is what the
    probabilistic lemmas deliver: powers of the linear model of H(0) (from the spectrum of H(0)), |S_i(rad)| <= 4 m rad,
    and a width for which the distance bound, with the residuals that contraction allows, is at most rad. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion powers network flips recursion remainder distance gronwall blocks.
Open Scope R_scope.

(** |K| has norm at most n, as its entries are at most 1. *)
Lemma abs_kernel_norm net : proper net -> opnorm_le (samples net) (abs_kernel net) (INR (samples net)).
Proof.
  intros ok. set (n := samples net). split; [apply pos_INR|]. intros x.
  apply norm_le; [apply Rmult_le_pos; [apply pos_INR|apply norm_nonneg]|].
  replace (INR n * norm n x * (INR n * norm n x)) with (INR n * (INR n * (norm n x * norm n x))) by ring.
  rewrite norm_sq, <- sum_const. apply sum_le. intros i Hi.
  apply Rle_trans with (dot n (abs_kernel net i) (abs_kernel net i) * dot n x x); [apply cauchy_schwarz_sq|].
  apply Rmult_le_compat_r; [apply dot_nonneg|].
  rewrite <- (Rmult_1_r (INR n)), <- sum_const. apply sum_le. intros j Hj.
  pose proof (kernel_le_one net ok i j Hi Hj) as K. unfold abs_kernel. pose proof (Rabs_pos (kernel net i j)). nra.
Qed.

(** The largest eigenvalue of K is at most the norm of |K|. *)
Lemma kernel_top net top : opnorm_le (samples net) (abs_kernel net) top ->
  forall x, dot (samples net) x (mul (samples net) (kernel net) x) <= top * dot (samples net) x x.
Proof.
  intros [P B] x. set (n := samples net). set (y := fun i => Rabs (x i)).
  apply Rle_trans with (dot n y (mul n (abs_kernel net) y)).
  - apply sum_le. intros i _. unfold mul. rewrite <- !sum_scal. apply sum_le. intros j _.
    unfold y, abs_kernel. rewrite <- !Rabs_mult. apply Rle_abs.
  - eapply Rle_trans; [apply dot_le_norms|]. pose proof (norm_nonneg n y) as N.
    pose proof (Rmult_le_compat_l _ _ _ N (B y)) as K. fold n in K. eapply Rle_trans; [exact K|].
    unfold y. rewrite norm_abs. apply Req_le. rewrite <- norm_sq. ring.
Qed.

Section Bootstrap.
Variable net : network.
Hypothesis ok : proper net.
Variables (p : method) (W : nat -> weights).
Hypothesis train : trained net p W.
Hypothesis eta_nonneg : 0 <= eta p.
Hypothesis beta_range : 0 <= beta p < 1.
Hypothesis gamma_nonneg : 0 <= gamma p.
Let n := samples net.
Let m := width net.
Let xi (t : nat) : vec := residual net (W t).

(** What is said to contract: |V(t)| with momentum, |xi(t)| without. *)
Variable size : nat -> R.
Hypothesis size_residual : forall t, norm n (xi t) <= size t.
Hypothesis size_pull : forall t, (1 + gamma p) * norm n (xi t) + gamma p * norm n (xi (pred t)) <= (1 + 2 * gamma p) * size t.

(** The linear model of H(0), with variation of constants: powers bounded by C rho^k. *)
Variables (C rho rate : R).
Hypothesis C_one : 1 <= C.
Hypothesis rho_nonneg : 0 <= rho.
Hypothesis varied : forall T,
  size T <= C * rho ^ T * size O + C * carried rho (fun s => norm n (remainder net p W s)) T.
Hypothesis rate_range : beta p < rate < 1.

(** Of the initial network: |S_i(rad)| <= 4 m rad, and a bound of |K|, n for instance. *)
Variables (rad top : R).
Hypothesis near_few : forall i, (i < n)%nat -> near_count net rad (W O) i <= flip_count_bound net rad.
Hypothesis kernel_norm : opnorm_le n (abs_kernel net) top.

(** The share of the remainder: |e(t)| <= epsilon times the residuals that contraction allows. *)
Definition epsilon : R := 8 * rad * (eta p * top * (1 + 2 * gamma p)) * (rate / (rate - beta p)).
(** The radius is small enough for the rate, and the width large enough for the radius. *)
Hypothesis small_radius : C * epsilon <= rate - rho.
Hypothesis wide : distance_bound p (sqrt (top / INR m)) (C * size O / (1 - rate)) (norm n (xi O)) <= rad.

Let bound (t : nat) : R := C * size O * rate ^ t.

Lemma size_nonneg t : 0 <= size t.
Proof. pose proof (size_residual t). pose proof (norm_nonneg n (xi t)). lra. Qed.

Lemma bound_nonneg t : 0 <= bound t.
Proof.
  unfold bound. pose proof (size_nonneg O). repeat apply Rmult_le_pos; try lra. apply pow_le. lra.
Qed.

(** Contracting residuals keep every neuron in the ball. *)
Lemma stays_in_ball T : (forall s, (s < T)%nat -> size s <= bound s) -> in_ball net rad (W O) (W T).
Proof.
  intros L r Hr.
  pose proof (distance net ok p W train eta_nonneg beta_range gamma_nonneg top (proj1 kernel_norm)
                (kernel_top net top kernel_norm) T r Hr) as D.
  eapply Rle_trans; [exact D|]. eapply Rle_trans; [|exact wide]. unfold distance_bound.
  apply Rmult_le_compat_l.
  - apply Rmult_le_pos; [|apply sqrt_pos]. apply Rmult_le_pos; [assumption|]. apply Rlt_le, Rinv_0_lt_compat. lra.
  - apply Rplus_le_compat_r, Rmult_le_compat_l; [lra|].
    apply Rle_trans with (sum T bound).
    + apply sum_le. intros s Hs. fold n. pose proof (size_residual s). pose proof (L s Hs). unfold xi in *. lra.
    + unfold bound. rewrite sum_scal. unfold Rdiv. apply Rmult_le_compat_l.
      * apply Rmult_le_pos; [lra|apply size_nonneg].
      * apply (Rmult_le_reg_l (1 - rate)); [lra|]. rewrite Rinv_r by lra.
        assert (G : forall k, (1 - rate) * sum k (fun t => rate ^ t) = 1 - rate ^ k).
        { induction k as [|k IH]; simpl; [lra|]. rewrite Rmult_plus_distr_l, IH. ring. }
        rewrite G. assert (0 <= rate ^ T) by (apply pow_le; lra). lra.
Qed.

Lemma force_norm s : norm n (force net p W s) <= eta p * top * (1 + 2 * gamma p) * size s.
Proof.
  destruct kernel_norm as [Pt B].
  change (force net p W s) with (vscal (eta p) (mul n (abs_kernel net) (pull net p W s))).
  rewrite norm_scal, Rabs_pos_eq by assumption. rewrite !Rmult_assoc. apply Rmult_le_compat_l; [assumption|].
  eapply Rle_trans; [apply B|]. apply Rmult_le_compat_l; [assumption|].
  eapply Rle_trans; [|apply size_pull].
  change (pull net p W s) with (vadd (vscal (1 + gamma p) (fun j => Rabs (xi s j)))
                                     (vscal (gamma p) (fun j => Rabs (xi (pred s) j)))).
  eapply Rle_trans; [apply norm_triangle|]. rewrite !norm_scal, !norm_abs, !Rabs_pos_eq by lra. lra.
Qed.

(** v(t) is as small as the residuals on the way: |v(t)| <= eta |K| (1+2 gamma) C |V(0)| rate^(t+1)/(rate - beta). *)
Lemma speed_norm T : (forall s, (s < T)%nat -> size s <= bound s) ->
  norm n (speed net p W T) <= eta p * top * (1 + 2 * gamma p) * (C * size O) * (rate ^ T / (rate - beta p)).
Proof.
  intros L.
  assert (G : norm n (speed net p W T)
    <= carried (beta p) (fun s => eta p * top * (1 + 2 * gamma p) * (C * size O) * rate ^ s) T).
  { induction T as [|T IH].
    - change (speed net p W 0) with vzero. rewrite norm_zero. simpl. lra.
    - change (speed net p W (S T)) with (vadd (vscal (beta p) (speed net p W T)) (force net p W T)).
      eapply Rle_trans; [apply norm_triangle|]. rewrite norm_scal, Rabs_pos_eq by lra. simpl carried.
      apply Rplus_le_compat.
      + apply Rmult_le_compat_l; [lra|]. apply IH. auto with arith.
      + eapply Rle_trans; [apply force_norm|]. rewrite (Rmult_assoc _ (C * size O)).
        apply Rmult_le_compat_l; [|apply L; auto with arith].
        repeat apply Rmult_le_pos; try lra. apply (proj1 kernel_norm). }
  eapply Rle_trans; [exact G|]. rewrite carried_scal. apply Rmult_le_compat_l.
  - pose proof (size_nonneg O). repeat apply Rmult_le_pos; try lra. apply (proj1 kernel_norm).
  - apply carried_geometric_le; lra.
Qed.

(** |S_i| <= 4 m rad makes D <= 4 rad |K| and q <= 4 rad, so that |e_i(t)| <= 8 rad v_i(t). *)
Lemma remainder_by_speed t i : (i < n)%nat ->
  in_ball net rad (W O) (W (S t)) -> in_ball net rad (W O) (W t) -> in_ball net rad (W O) (W (pred t)) ->
  Rabs (remainder net p W t i) <= 8 * rad * speed net p W (S t) i.
Proof.
  intros Hi B1 B2 B3.
  pose proof (remainder_bound net ok p W train eta_nonneg (proj1 beta_range) gamma_nonneg rad t B1 B2 B3 i Hi) as K.
  pose proof (width_pos net ok) as P. fold m in P.
  assert (Q : forall j, (j < n)%nat -> share net W rad j <= 4 * rad).
  { intros j Hj. unfold share. apply (Rmult_le_reg_r (INR m)); [assumption|]. fold m. unfold Rdiv.
    rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra. pose proof (near_few j Hj) as F. unfold flip_count_bound in F. fold m in F. lra. }
  assert (Risk : mul n (risk net W rad) (pull net p W t) i <= 4 * rad * mul n (abs_kernel net) (pull net p W t) i).
  { unfold mul. rewrite <- sum_scal. apply sum_le. intros j Hj. unfold risk.
    replace (4 * rad * (abs_kernel net i j * pull net p W t j)) with (abs_kernel net i j * (4 * rad) * pull net p W t j)
      by ring. apply Rmult_le_compat_r; [apply pull_nonneg; assumption|].
    apply Rmult_le_compat_l; [apply Rabs_pos|]. eapply Rle_trans; [|apply (Q j Hj)].
    unfold share, Rdiv. rewrite Rmult_comm. apply Rmult_le_compat_r; [apply Rlt_le, Rinv_0_lt_compat, P|].
    apply sum_le. intros r Hr. destruct (near_cases net rad (W O) r j) as [-> | ->];
      destruct (pattern_cases net (W O) r i) as [-> | ->]; lra. }
  assert (F : forall s, 0 <= force net p W s i).
  { intros s. unfold force. apply Rmult_le_pos; [assumption|]. apply sum_nonneg. intros j _.
    apply Rmult_le_pos; [apply Rabs_pos|apply pull_nonneg; assumption]. }
  assert (V : forall s, 0 <= speed net p W s i) by (intros; apply carried_nonneg; [lra|]; intros; apply F).
  pose proof (V t) as V0. pose proof (V (S t)) as V1.
  assert (E : speed net p W (S t) i = beta p * speed net p W t i + force net p W t i) by reflexivity.
  assert (X : share net W rad i * (speed net p W (S t) i + beta p * speed net p W t i)
              <= 4 * rad * (speed net p W (S t) i + beta p * speed net p W t i)).
  { apply Rmult_le_compat_r; [|now apply Q]. pose proof (Rmult_le_pos _ _ (proj1 beta_range) V0). lra. }
  pose proof (Rmult_le_compat_l _ _ _ eta_nonneg Risk) as Y.
  replace (eta p * (4 * rad * mul n (abs_kernel net) (pull net p W t) i)) with (4 * rad * force net p W t i) in Y
    by (unfold force; fold n; ring).
  fold n in K. replace (8 * rad * speed net p W (S t) i)
    with (4 * rad * force net p W t i + 4 * rad * (speed net p W (S t) i + beta p * speed net p W t i))
    by (rewrite E; ring).
  lra.
Qed.

(** The bootstrap: for all t the residual contracts with the prefactor C of the linear model, and every neuron stays
    within [rad] of its start. *)
Theorem bootstrap t : size t <= C * size O * rate ^ t /\ in_ball net rad (W O) (W t).
Proof.
  assert (rad_nonneg : 0 <= rad).
  { eapply Rle_trans; [|exact wide]. unfold distance_bound. apply Rmult_le_pos.
    - apply Rmult_le_pos; [|apply sqrt_pos]. apply Rmult_le_pos; [assumption|]. apply Rlt_le, Rinv_0_lt_compat. lra.
    - pose proof (norm_nonneg n (xi O)). pose proof (size_nonneg O).
      assert (0 <= C * size O / (1 - rate)).
      { apply Rmult_le_pos; [apply Rmult_le_pos; lra|]. apply Rlt_le, Rinv_0_lt_compat. lra. }
      apply Rplus_le_le_0_compat; apply Rmult_le_pos; lra. }
  assert (G : forall T, size T <= bound T).
  { apply (contraction_while_small size (fun s => norm n (remainder net p W s)) C rho rate epsilon C_one rho_nonneg
             (size_nonneg O) varied small_radius); [lra|].
    intros T L.
    assert (B1 : in_ball net rad (W O) (W (S T))) by (apply stays_in_ball; intros; apply L; lia).
    assert (B2 : in_ball net rad (W O) (W T)) by (apply stays_in_ball; intros; apply L; lia).
    assert (B3 : in_ball net rad (W O) (W (pred T))) by (apply stays_in_ball; intros; apply L; lia).
    apply Rle_trans with (norm n (vscal (8 * rad) (speed net p W (S T)))).
    - apply norm_le_pointwise. intros i Hi. unfold vscal. now apply remainder_by_speed.
    - rewrite norm_scal, Rabs_pos_eq by lra.
      assert (K : norm n (speed net p W (S T))
        <= eta p * top * (1 + 2 * gamma p) * (C * size O) * (rate ^ S T / (rate - beta p)))
        by (apply speed_norm; intros; apply L; lia).
      assert (P : 0 <= 8 * rad) by lra.
      eapply Rle_trans; [apply (Rmult_le_compat_l _ _ _ P K)|]. apply Req_le. unfold epsilon. simpl. field. lra. }
  split; [apply G|]. apply stays_in_ball. intros. apply G.
Qed.

End Bootstrap.
