(** The conditional contraction theorem for the family (eta, beta, gamma): the bootstrap with its linear model filled in.

    Its hypotheses on the random initial network are three, and are what the probabilistic lemmas deliver:
      spectrum_within n H(0) lo hi     gram-concentration
      |S_i(rad)| <= 4 m rad            flip-count
      a bound of |xi(0)| in [wide]     initial-residual
    Everything else is a condition on numbers. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion blocks powers network recursion remainder distance gronwall bootstrap.
Open Scope R_scope.

(** ** Variation of constants for V(t) = [xi(t); xi(t-1)] *)

Definition plus2 (v w : state) : state := (vadd (fst v) (fst w), vadd (snd v) (snd w)).
Definition same2 (n : nat) (v w : state) : Prop :=
  forall i, (i < n)%nat -> fst v i = fst w i /\ snd v i = snd w i.

Lemma companion_plus n p H v w : companion n p H (plus2 v w) = plus2 (companion n p H v) (companion n p H w).
Proof.
  unfold companion, plus2. simpl. rewrite !mul_add. f_equal. apply functional_extensionality. intros i.
  unfold vadd, vscal. ring.
Qed.

Lemma companion_same n p H v w : same2 n v w -> same2 n (companion n p H v) (companion n p H w).
Proof.
  intros E i L. unfold companion. simpl.
  rewrite (mul_ext n H (fst v) (fst w)) by (intros j Hj; apply (E j Hj)).
  rewrite (mul_ext n H (snd v) (snd w)) by (intros j Hj; apply (E j Hj)).
  unfold vadd, vscal. destruct (E i L) as [-> ->]. auto.
Qed.

Lemma norm2_same n v w : same2 n v w -> norm2 n v = norm2 n w.
Proof.
  intros E. unfold norm2, dot2. f_equal. f_equal; apply dot_ext; intros i L; apply (E i L).
Qed.

Lemma norm2_plus n v w : norm2 n (plus2 v w) <= norm2 n v + norm2 n w.
Proof.
  pose proof (norm2_nonneg n v) as A. pose proof (norm2_nonneg n w) as B.
  apply le_of_squares; [lra|]. rewrite norm2_sq.
  assert (C : dot n (fst v) (fst w) + dot n (snd v) (snd w) <= norm2 n v * norm2 n w).
  { eapply Rle_trans; [apply Rplus_le_compat; apply dot_le_norms|].
    apply le_of_squares; [now apply Rmult_le_pos|].
    replace (norm2 n v * norm2 n w * (norm2 n v * norm2 n w)) with ((norm2 n v * norm2 n v) * (norm2 n w * norm2 n w))
      by ring.
    rewrite !norm2_sq. unfold dot2. rewrite <- !norm_sq.
    pose proof (Rle_0_sqr (norm n (fst v) * norm n (snd w) - norm n (snd v) * norm n (fst w))) as Q.
    unfold Rsqr in Q. lra. }
  replace ((norm2 n v + norm2 n w) * (norm2 n v + norm2 n w))
    with (norm2 n v * norm2 n v + 2 * (norm2 n v * norm2 n w) + norm2 n w * norm2 n w) by ring.
  rewrite !norm2_sq. unfold dot2, plus2. simpl. rewrite !dot_add_l, !dot_add_r.
  rewrite (dot_sym n (fst w) (fst v)), (dot_sym n (snd w) (snd v)). lra.
Qed.

Lemma norm2_first n v : norm n (fst v) <= norm2 n v.
Proof.
  apply norm_le; [apply norm2_nonneg|]. rewrite norm2_sq. unfold dot2. pose proof (dot_nonneg n (snd v)). lra.
Qed.

Lemma norm2_second n v : norm n (snd v) <= norm2 n v.
Proof.
  apply norm_le; [apply norm2_nonneg|]. rewrite norm2_sq. unfold dot2. pose proof (dot_nonneg n (fst v)). lra.
Qed.

(** At the gradient start V(0) = [xi(0); xi(0)], of norm sqrt 2 |xi(0)|, here bounded by 17/12. *)
Lemma stacked_start net W : norm2 (samples net) (stacked net W O) <= 17 / 12 * norm (samples net) (residual net (W O)).
Proof.
  set (x := norm (samples net) (residual net (W O))). pose proof (norm_nonneg (samples net) (residual net (W O))) as P.
  fold x in P. apply le_of_squares; [lra|]. rewrite norm2_sq. unfold dot2, stacked. simpl. rewrite <- norm_sq. fold x. nra.
Qed.

Section Conditional.
Variable net : network.
Hypothesis ok : proper net.
Variables (p : method) (W : nat -> weights).
Hypothesis train : trained net p W.
Let n := samples net.
Let m := width net.

(** V(t+1) = M V(t) + [e(t); 0]. *)
Lemma stacked_step t :
  same2 n (stacked net W (S t)) (plus2 (companion n p (gram net (W O)) (stacked net W t)) (remainder net p W t, vzero)).
Proof.
  intros i _. split.
  - change (residual net (W (S t)) i = fst (companion n p (gram net (W O)) (stacked net W t)) i
      + (residual net (W (S t)) i - fst (companion n p (gram net (W O)) (stacked net W t)) i)). ring.
  - change (residual net (W t) i = residual net (W t) i + 0). ring.
Qed.

(** The linear model with its remainder, |M^k v| <= C rho^k |v|: what [varied] of the bootstrap asks for. *)
Lemma stacked_varied C rho : powers_bounded n p (gram net (W O)) C rho -> forall T,
  norm2 n (stacked net W T)
  <= C * rho ^ T * norm2 n (stacked net W O) + C * carried rho (fun s => norm n (remainder net p W s)) T.
Proof.
  intros B T.
  pose proof (variation state plus2 (companion n p (gram net (W O))) (norm2 n) (same2 n)
    (companion_plus n p _) (companion_same n p _) (norm2_plus n) (norm2_same n) C rho B
    (stacked net W) (fun t => (remainder net p W t, vzero)) T (fun t _ => stacked_step t)) as V.
  assert (E : forall t, norm2 n (remainder net p W t, vzero) = norm n (remainder net p W t)).
  { intros t. unfold norm2, norm, dot2. simpl. f_equal.
    replace (dot n vzero vzero) with 0; [ring|]. pose proof (norm_sq n vzero) as Z. rewrite norm_zero in Z. lra. }
  eapply Rle_trans; [exact V|]. apply Req_le. f_equal. f_equal.
  clear V. induction T as [|T IH]; simpl; [reflexivity|]. now rewrite IH, E.
Qed.

Variables (lo hi g C rho rate rad top : R).
(** The initial Gram matrix has its spectrum in [lo, hi]. *)
Hypothesis within : spectrum_within n (gram net (W O)) lo hi.
Hypothesis ordered : lo <= hi.
(** Few neurons are near a boundary. *)
Hypothesis near_few : forall i, (i < n)%nat -> near_count net rad (W O) i <= flip_count_bound net rad.
(** |K| has norm at most [top]; n will do. *)
Hypothesis kernel_norm : opnorm_le n (abs_kernel net) top.
(** The method: step size, momentum, and blocks with complex pairs over the whole spectrum. *)
Hypothesis eta_nonneg : 0 <= eta p.
Hypothesis beta_range : 0 <= beta p < 1.
Hypothesis gamma_nonneg : 0 <= gamma p.
Hypothesis gap_pos : 0 < g.
Hypothesis gap_lo : g <= gap p lo.
Hypothesis gap_hi : g <= gap p hi.
(** C and rho cover prefactor and rate of the linear model; [rate] is the rate claimed. *)
Hypothesis C_one : 1 <= C.
Hypothesis rho_nonneg : 0 <= rho.
Hypothesis C_covers : 4 * ((1 + det p lo) * (1 + det p lo)) <= C * C * g.
Hypothesis rho_covers : det p lo <= rho * rho.
Hypothesis rate_range : beta p < rate < 1.
(** The radius is small enough for the rate, the width large enough for the radius. *)
Hypothesis small_radius : C * epsilon p rate rad top <= rate - rho.
Hypothesis wide : distance_bound p (sqrt (top / INR m)) (C * norm2 n (stacked net W O) / (1 - rate))
  (norm n (residual net (W O))) <= rad.

(** The family (eta, beta, gamma): if H(0) has its spectrum in [lo, hi], |S_i(rad)| <= 4 m rad, the radius is small enough
    for the rate and the width large enough for the radius, then for all t
      |V(t)| <= C rate^t |V(0)|,  and no neuron ever leaves the ball of radius rad. *)
Theorem conditional_contraction t :
  norm2 n (stacked net W t) <= C * norm2 n (stacked net W O) * rate ^ t /\ in_ball net rad (W O) (W t).
Proof.
  apply (bootstrap net ok p W train eta_nonneg beta_range gamma_nonneg (fun t => norm2 n (stacked net W t)))
    with (rho := rho) (top := top); try assumption.
  - intros s. apply (norm2_first n (stacked net W s)).
  - intros s. pose proof (norm2_first n (stacked net W s)) as A. pose proof (norm2_second n (stacked net W s)) as B.
    unfold stacked in A at 1. unfold stacked in B at 1. simpl in A, B. fold n.
    pose proof (Rmult_le_compat_l _ _ _ gamma_nonneg B).
    assert (P : 0 <= 1 + gamma p) by lra. pose proof (Rmult_le_compat_l _ _ _ P A). lra.
  - apply stacked_varied. apply (companion_powers n p (gram net (W O)) lo hi g); try assumption; lra.
Qed.

End Conditional.
