(** Contraction of the residual for the three methods, with the theorem's tunings.

    Throughout H(0) has its spectrum in [lo, hi], 0 < lo <= hi, kappa = hi/lo; |S_i(rad)| <= 4 m rad; [top] bounds the norm of
    |K| (n will do); V(t) = [xi(t); xi(t-1)], gradient start.  The two conditions on [rad] are what is meant by "m large
    enough": the first keeps flips rare enough for the rate, the second is the distance bound, of order m^(-1/2). *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion blocks tunings powers network recursion remainder distance gronwall bootstrap
  conditional.
Open Scope R_scope.

(** The claims: prefactor 12 sqrt kappa and rate 1 - 1/(2 sqrt kappa); 4 sqrt kappa and 1 - 1/(4 sqrt kappa); 1 and
    1 - 1/(2 kappa). *)
Definition nesterov_claim (k : R) : R := 1 - 1 / (2 * sqrt k).
Definition heavy_ball_claim (k : R) : R := 1 - 1 / (4 * sqrt k).
Definition gradient_descent_claim (k : R) : R := 1 - 1 / (2 * k).

(** What is assumed of the network and of its initial weights, the same for the three methods. *)
Record initial (net : network) (W0 : weights) (lo hi rad top : R) : Prop := {
  lo_pos : 0 < lo;
  ordered : lo <= hi;
  within : spectrum_within (samples net) (gram net W0) lo hi;                                  (* gram-concentration *)
  near_few : forall i, (i < samples net)%nat -> near_count net rad W0 i <= flip_count_bound net rad;  (* flip-count *)
  kernel_norm : opnorm_le (samples net) (abs_kernel net) top
}.

Lemma near_count_nonneg net rad W0 i : 0 <= near_count net rad W0 i.
Proof. apply sum_nonneg. intros r _. destruct (near_cases net rad W0 r i) as [-> | ->]; lra. Qed.

(** ** Nesterov *)

(** Nesterov, eta = 1/(2 hi), beta = (3 sqrt kappa - 2)/(3 sqrt kappa + 2): if rad <= lo/(1040 sqrt kappa |K|) and
    39 sqrt kappa sqrt(|K|/m) |xi(0)| <= lo rad, then for all t
      |V(t)| <= 12 sqrt kappa (1 - 1/(2 sqrt kappa))^t |V(0)|,  and no neuron ever leaves the ball of radius rad. *)
Theorem nesterov_contraction net W lo hi rad top :
  proper net -> trained net (nesterov lo hi) W -> initial net (W O) lo hi rad top -> 0 <= rad ->
  1040 * sqrt (kappa lo hi) * top * rad <= lo ->
  39 * sqrt (kappa lo hi) * sqrt (top / INR (width net)) * norm (samples net) (residual net (W O)) <= lo * rad ->
  forall t,
    norm2 (samples net) (stacked net W t)
    <= 12 * sqrt (kappa lo hi) * (1 - 1 / (2 * sqrt (kappa lo hi))) ^ t * norm2 (samples net) (stacked net W O)
    /\ in_ball net rad (W O) (W t).
Proof.
  intros ok train [L U Win Near Kn] Pr Small Wide t.
  destruct (root_facts lo hi L U) as [S E]. pose proof (nesterov_beta_range lo hi L U) as B.
  destruct Kn as [Pt Kn]. set (s := sqrt (kappa lo hi)) in *.
  assert (Bs : nesterov_beta (kappa lo hi) = (3 * s - 2) / (3 * s + 2)) by reflexivity.
  assert (S1 : 0 < 1 / (2 * s) <= 1 / 2) by (split; [apply Rdiv_lt_0_compat; lra|apply fraction_le; lra]).
  assert (S2 : 0 < 2 / (3 * s) <= 2 / 3) by (split; [apply Rdiv_lt_0_compat; lra|apply fraction_le; lra]).
  assert (Rate : nesterov_beta (kappa lo hi) < 1 - 1 / (2 * s)).
  { rewrite Bs. apply Rminus_gt_0_lt.
    replace (1 - 1 / (2 * s) - (3 * s - 2) / (3 * s + 2)) with ((5 * s - 2) / (2 * s * (3 * s + 2))) by (field; lra).
    apply Rdiv_lt_0_compat; [lra|nra]. }
  assert (K : norm2 (samples net) (stacked net W t)
    <= 12 * s * norm2 (samples net) (stacked net W O) * (1 - 1 / (2 * s)) ^ t /\ in_ball net rad (W O) (W t)).
  { apply (conditional_contraction net ok (nesterov lo hi) W train lo hi (nesterov_gap (kappa lo hi)) (12 * s)
             (1 - 2 / (3 * s)) (1 - 1 / (2 * s)) rad top Win U Near (conj Pt Kn)); simpl eta; simpl beta; simpl gamma.
    - apply Rlt_le, Rdiv_lt_0_compat; lra.
    - lra.
    - lra.
    - apply nesterov_gap_pos.
    - now apply nesterov_gap_lo.
    - now apply nesterov_gap_hi.
    - lra.
    - lra.
    - apply (nesterov_prefactor_lo lo hi L U).
    - apply (nesterov_rate_lo lo hi L U).
    - lra.
    - (* 12 s epsilon <= 1/(6 s) *)
      unfold epsilon. simpl eta. simpl beta. simpl gamma. rewrite Bs. rewrite E at 1. fold s. clearbody s.
      match goal with |- ?x <= _ => replace x
        with (48 * (top * rad) * ((2 * s - 1) * (9 * s - 2) / (5 * s - 2)) / (s * lo)) by (field; repeat split; nra) end.
      replace (1 - 1 / (2 * s) - (1 - 2 / (3 * s))) with (1 / (6 * s)) by (field; lra).
      assert (Q : (2 * s - 1) * (9 * s - 2) / (5 * s - 2) <= 18 / 5 * s) by (apply fraction_le; nra).
      assert (P : 0 <= top * rad) by now apply Rmult_le_pos.
      apply fraction_le; [nra|]. replace (1 / (6 * s) * (s * lo)) with (lo / 6) by (field; lra).
      pose proof (Rmult_le_compat_l _ _ _ P Q). nra.
    - (* the width *)
      unfold distance_bound. simpl eta. simpl beta. simpl gamma. rewrite Bs. rewrite E at 1. fold s.
      set (q := sqrt (top / INR (width net))) in *. assert (Pq : 0 <= q) by apply sqrt_pos.
      pose proof (stacked_start net W) as V. set (x := norm (samples net) (residual net (W O))) in *.
      set (v := norm2 (samples net) (stacked net W O)) in *. assert (Px : 0 <= x) by apply norm_nonneg.
      clearbody q v x s.
      apply Rle_trans with (39 * s * q * x / lo); [|apply fraction_le; lra].
      match goal with |- ?y <= _ => replace y
        with (q / (8 * (s * s * lo)) * ((9 * s - 2) * (24 * (s * s)) * v + (3 * s - 2) * x)) by (field; repeat split; nra) end.
      assert (A : (9 * s - 2) * (24 * (s * s)) * v <= (9 * s - 2) * (24 * (s * s)) * (17 / 12 * x))
        by (apply Rmult_le_compat_l; [apply Rmult_le_pos; nra|assumption]).
      assert (A' : (9 * s - 2) * (24 * (s * s)) * (17 / 12 * x) + (3 * s - 2) * x <= 312 * (s * s * s) * x).
      { apply Rminus_le.
        replace ((9 * s - 2) * (24 * (s * s)) * (17 / 12 * x) + (3 * s - 2) * x - 312 * (s * s * s) * x)
          with (- ((6 * (s * s * s) + 68 * (s * s) - 3 * s + 2) * x)) by field.
        assert (0 <= (6 * (s * s * s) + 68 * (s * s) - 3 * s + 2) * x) by (apply Rmult_le_pos; nra). lra. }
      assert (Pc : 0 <= q / (8 * (s * s * lo))) by (apply Rmult_le_pos; [assumption|apply Rlt_le, Rinv_0_lt_compat; nra]).
      pose proof (Rle_trans _ _ _ (Rplus_le_compat_r ((3 * s - 2) * x) _ _ A) A') as A2.
      eapply Rle_trans; [apply (Rmult_le_compat_l _ _ _ Pc A2)|]. apply Req_le. field. lra. }
  destruct K as [K In]. split; [|exact In]. lra.
Qed.

(** ** Heavy ball *)

(** Heavy ball, eta = 1/hi, beta = (1 - 1/(2 sqrt kappa))^2: if rad <= lo/(192 sqrt kappa |K|) and
    31 sqrt kappa sqrt(|K|/m) |xi(0)| <= lo rad, then for all t
      |V(t)| <= 4 sqrt kappa (1 - 1/(4 sqrt kappa))^t |V(0)|,  and no neuron ever leaves the ball of radius rad. *)
Theorem heavy_ball_contraction net W lo hi rad top :
  proper net -> trained net (heavy_ball lo hi) W -> initial net (W O) lo hi rad top -> 0 <= rad ->
  192 * sqrt (kappa lo hi) * top * rad <= lo ->
  31 * sqrt (kappa lo hi) * sqrt (top / INR (width net)) * norm (samples net) (residual net (W O)) <= lo * rad ->
  forall t,
    norm2 (samples net) (stacked net W t)
    <= 4 * sqrt (kappa lo hi) * (1 - 1 / (4 * sqrt (kappa lo hi))) ^ t * norm2 (samples net) (stacked net W O)
    /\ in_ball net rad (W O) (W t).
Proof.
  intros ok train [L U Win Near Kn] Pr Small Wide t.
  destruct (root_facts lo hi L U) as [S E]. pose proof (heavy_ball_beta_range lo hi L U) as B.
  destruct Kn as [Pt Kn]. set (s := sqrt (kappa lo hi)) in *.
  assert (Bs : heavy_ball_beta (kappa lo hi) = (1 - 1 / (2 * s)) * (1 - 1 / (2 * s))) by reflexivity.
  assert (S1 : 0 < 1 / (2 * s) <= 1 / 2) by (split; [apply Rdiv_lt_0_compat; lra|apply fraction_le; lra]).
  assert (S2 : 0 < 1 / (4 * s) <= 1 / 4) by (split; [apply Rdiv_lt_0_compat; lra|apply fraction_le; lra]).
  assert (Rate : heavy_ball_beta (kappa lo hi) < 1 - 1 / (4 * s)).
  { rewrite Bs. apply Rminus_gt_0_lt.
    replace (1 - 1 / (4 * s) - (1 - 1 / (2 * s)) * (1 - 1 / (2 * s))) with ((3 * s - 1) / (4 * (s * s))) by (field; lra).
    apply Rdiv_lt_0_compat; [lra|nra]. }
  assert (K : norm2 (samples net) (stacked net W t)
    <= 4 * s * norm2 (samples net) (stacked net W O) * (1 - 1 / (4 * s)) ^ t /\ in_ball net rad (W O) (W t)).
  { apply (conditional_contraction net ok (heavy_ball lo hi) W train lo hi (heavy_ball_gap (kappa lo hi)) (4 * s)
             (1 - 1 / (2 * s)) (1 - 1 / (4 * s)) rad top Win U Near (conj Pt Kn)); simpl eta; simpl beta; simpl gamma.
    - apply Rlt_le, Rdiv_lt_0_compat; lra.
    - lra.
    - lra.
    - now apply heavy_ball_gap_pos.
    - now apply heavy_ball_gap_lo.
    - now apply heavy_ball_gap_hi.
    - lra.
    - lra.
    - apply (heavy_ball_prefactor_lo lo hi L U).
    - apply (heavy_ball_rate_lo lo hi L U).
    - lra.
    - (* 4 s epsilon <= 1/(4 s) *)
      unfold epsilon. simpl eta. simpl beta. simpl gamma. rewrite Bs. rewrite E at 1. fold s. clearbody s.
      match goal with |- ?x <= _ => replace x
        with (32 * (top * rad) * ((4 * s - 1) / (3 * s - 1)) / lo) by (field; repeat split; nra) end.
      replace (1 - 1 / (4 * s) - (1 - 1 / (2 * s))) with (1 / (4 * s)) by (field; lra).
      assert (Q : (4 * s - 1) / (3 * s - 1) <= 3 / 2) by (apply fraction_le; lra).
      assert (P : 0 <= top * rad) by now apply Rmult_le_pos.
      pose proof (Rmult_le_compat_l _ _ _ P Q) as PQ.
      apply fraction_le; [assumption|]. replace (1 / (4 * s) * lo) with (lo / (4 * s)) by (field; lra).
      apply le_fraction; [lra|]. nra.
    - (* the width *)
      unfold distance_bound. simpl eta. simpl beta. simpl gamma. rewrite Bs. rewrite E at 1. fold s.
      set (q := sqrt (top / INR (width net))) in *. assert (Pq : 0 <= q) by apply sqrt_pos.
      pose proof (stacked_start net W) as V. set (x := norm (samples net) (residual net (W O))) in *.
      set (v := norm2 (samples net) (stacked net W O)) in *. assert (Px : 0 <= x) by apply norm_nonneg.
      clearbody q v x s.
      apply Rle_trans with (31 * s * q * x / lo); [|apply fraction_le; lra].
      match goal with |- ?y <= _ => replace y
        with (64 * (s * s) / (4 * s - 1) * (q / lo * v)) by (field; repeat split; nra) end.
      assert (Pc : 0 <= q / lo) by (apply Rmult_le_pos; [assumption|apply Rlt_le, Rinv_0_lt_compat; lra]).
      assert (A : q / lo * v <= q / lo * (17 / 12 * x)) by now apply Rmult_le_compat_l.
      assert (A' : 64 * (s * s) / (4 * s - 1) <= 64 / 3 * s) by (apply fraction_le; nra).
      assert (P1 : 0 <= 64 * (s * s) / (4 * s - 1)) by (apply Rmult_le_pos; [nra|apply Rlt_le, Rinv_0_lt_compat; lra]).
      assert (P2 : 0 <= q / lo * (17 / 12 * x)) by (apply Rmult_le_pos; lra).
      eapply Rle_trans; [apply (Rmult_le_compat_l _ _ _ P1 A)|].
      eapply Rle_trans; [apply (Rmult_le_compat_r _ _ _ P2 A')|].
      replace (64 / 3 * s * (q / lo * (17 / 12 * x))) with (272 / 9 * (s * (q / lo * x))) by (field; lra).
      replace (31 * s * q * x / lo) with (31 * (s * (q / lo * x))) by (field; lra).
      assert (0 <= s * (q / lo * x)) by (apply Rmult_le_pos; [lra|now apply Rmult_le_pos]). lra. }
  destruct K as [K In]. split; [|exact In]. lra.
Qed.

(** ** Gradient descent *)

(** xi(t+1) = (I - eta H(0)) xi(t) + e(t), so that the residual itself contracts, with prefactor 1. *)
Lemma descent_varied net W step lo hi T :
  proper net -> trained net (Method step 0 0) W -> spectrum_within (samples net) (gram net (W O)) lo hi -> lo <= hi ->
  0 <= step -> step * hi <= 1 ->
  norm (samples net) (residual net (W T))
  <= 1 * (1 - step * lo) ^ T * norm (samples net) (residual net (W O))
     + 1 * carried (1 - step * lo) (fun s => norm (samples net) (remainder net (Method step 0 0) W s)) T.
Proof.
  intros ok train Win U P1 P2. set (n := samples net). set (H := gram net (W O)).
  apply (variation vec vadd (descend n step H) (norm n) (fun x y => forall i, (i < n)%nat -> x i = y i))
    with (E := remainder net (Method step 0 0) W) (V := fun t => residual net (W t)).
  - intros a b. unfold descend. rewrite mul_add. apply functional_extensionality. intros i. unfold vadd, vscal. ring.
  - intros a b Eq i Hi. unfold descend, vadd, vscal. now rewrite (mul_ext n H a b Eq), Eq.
  - apply norm_triangle.
  - apply norm_ext.
  - intros k a. rewrite Rmult_1_l. induction k as [|k IH]; simpl; [lra|].
    eapply Rle_trans; [apply (descend_contracts n H lo hi step); assumption|].
    rewrite Rmult_assoc. apply Rmult_le_compat_l; [nra|exact IH].
  - intros t _ i _. unfold vadd at 1, remainder, companion, descend, vadd, vscal. simpl. fold n H. ring.
Qed.

(** Gradient descent, eta = 1/hi: if rad <= lo/(16 |K|) and 2 sqrt(|K|/m) |xi(0)| <= lo rad, then for all t
      |xi(t)| <= (1 - 1/(2 kappa))^t |xi(0)|,  and no neuron ever leaves the ball of radius rad. *)
Theorem gradient_descent_contraction net W lo hi rad top :
  proper net -> trained net (gradient_descent lo hi) W -> initial net (W O) lo hi rad top -> 0 <= rad ->
  16 * top * rad <= lo ->
  2 * sqrt (top / INR (width net)) * norm (samples net) (residual net (W O)) <= lo * rad ->
  forall t,
    norm (samples net) (residual net (W t))
    <= (1 - 1 / (2 * kappa lo hi)) ^ t * norm (samples net) (residual net (W O))
    /\ in_ball net rad (W O) (W t).
Proof.
  intros ok train [L U Win Near Kn] Pr Small Wide t. unfold kappa.
  assert (K1 : 0 < lo / hi <= 1) by (split; [apply Rdiv_lt_0_compat; lra|apply fraction_le; lra]).
  assert (Ek : 1 - 1 / (2 * (hi / lo)) = 1 - lo / hi / 2) by (field; lra). rewrite Ek.
  assert (K : norm (samples net) (residual net (W t))
    <= 1 * norm (samples net) (residual net (W O)) * (1 - lo / hi / 2) ^ t /\ in_ball net rad (W O) (W t)).
  { apply (bootstrap net ok (gradient_descent lo hi) W train) with (rho := 1 - 1 / hi * lo) (top := top)
      (size := fun t => norm (samples net) (residual net (W t))); simpl eta; simpl beta; simpl gamma; try assumption.
    - apply Rlt_le, Rdiv_lt_0_compat; lra.
    - lra.
    - lra.
    - intros s. lra.
    - intros s. lra.
    - lra.
    - replace (1 / hi * lo) with (lo / hi) by (field; lra). lra.
    - intros T. apply (descent_varied net W (1 / hi) lo hi T ok train Win U).
      + apply Rlt_le, Rdiv_lt_0_compat; lra.
      + apply Req_le. field. lra.
    - lra.
    - unfold epsilon. simpl eta. simpl beta. simpl gamma.
      match goal with |- ?x <= ?y => replace x with (8 * (top * rad) / hi) by (field; repeat split; nra);
        replace y with (lo / 2 / hi) by (field; lra) end.
      apply Rmult_le_compat_r; [apply Rlt_le, Rinv_0_lt_compat; lra|lra].
    - unfold distance_bound. simpl eta. simpl beta. simpl gamma.
      set (q := sqrt (top / INR (width net))) in *. set (x := norm (samples net) (residual net (W O))) in *.
      match goal with |- ?y <= _ => replace y with (2 * q * x / lo) by (field; repeat split; nra) end.
      apply fraction_le; lra. }
  destruct K as [K In]. split; [|exact In]. lra.
Qed.
