(** What a step can add to the outputs beyond the linear model, and which pairs can flip: the comparison theorem's own sets.

    F are pairs (neuron, sample) that may have changed their sign up to a step; psi(t) = f(t) - f(0) + H(0) S(t). *)

From Coq Require Import Reals Lra Lia Bool FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion network filters outputs counts.
Open Scope R_scope.

Section Deviation.
Variable net : network.
Hypothesis ok : proper net.
Variables (p : method) (push : R) (W : nat -> weights).
Hypothesis train : trained_from net p push W.
Hypothesis beta_nonneg : 0 <= beta p.
Hypothesis now_nonneg : 0 <= push_now p.
Hypothesis push_nonneg : 0 <= push.
Variable X : nat -> vec.
Variable may : nat -> nat -> nat -> bool.
Hypothesis may_grows : forall t r i, may t r i = true -> may (S t) r i = true.
Let n := samples net.
Let m := width net.
Let mu := rise_bound_of p push X.
Local Notation first := (first net W).
Local Notation now := (now net W).
Local Notation total := (total net p push W).
Local Notation total_rise := (total_rise net p push W).
Local Notation path_of := (path_of net p push W).
Local Notation rise_of := (rise_of net p push W).
Local Notation passed := (passed net W).
Local Notation below := (below net W X).
Local Notation kept := (kept net W may).

(** 1 for a neuron with (r,i) or (r,j) in F, and both in F or active at the start. *)
Definition touched (t r i j : nat) : R :=
  bit ((may t r i || may t r j)
       && (may t r i || if Req_EM_T (first r i) 1 then true else false)
       && (may t r j || if Req_EM_T (first r j) 1 then true else false)).
(** B_ij = |K_ij| (1/m) times their number. *)
Definition deviation_count (t : nat) : mat := fun i j =>
  Rabs (kernel net i j) * (/ INR m * sum m (fun r => touched t r i j)).

Lemma term_bound t r i j : (r < m)%nat -> (i < n)%nat -> (j < n)%nat -> below t -> kept (S t) ->
  Rabs (passed t r i * rise_of r j t - first r i * first r j * total_rise t j) <= touched (S t) r i j * mu t j.
Proof.
  intros Hr Hi Hj B K. pose proof (passed_range net W t r i) as P.
  assert (Kt : kept t) by (intros s Hs; apply K; lia).
  pose proof (rise_small net p push W beta_nonneg now_nonneg push_nonneg X r j t B Hj) as R1.
  pose proof (total_small net p push W beta_nonneg now_nonneg push_nonneg X j t B Hj) as R2.
  pose proof (rest_small net p push W beta_nonneg now_nonneg push_nonneg X r j t B Hj) as R3. fold mu in R1, R2, R3.
  assert (Pi : may (S t) r i = false -> passed t r i = first r i).
  { intros F. apply slope_kept; [apply (K t ltac:(lia) r i Hr Hi), (may_before may may_grows t (S t)); [lia|assumption]|].
    now apply (K (S t) (le_n _) r i Hr Hi). }
  assert (Rj : may (S t) r j = false -> rise_of r j t = first r j * total_rise t j).
  { intros F. apply (rise_kept net p push W may may_grows r j t Hr Hj Kt), (may_before may may_grows t (S t)); [lia|assumption]. }
  pose proof (Rabs_pos (rise_of r j t)) as A1. pose proof (Rabs_pos (total_rise t j)) as A2.
  pose proof (Rabs_pos (rise_of r j t - total_rise t j)) as A3.
  set (c := rise_of r j t) in *. set (s := total_rise t j) in *. set (h := passed t r i) in *.
  assert (Conv : Rabs (h * c - s) <= mu t j).
  { replace (h * c - s) with (h * (c - s) + (1 - h) * - s) by ring. eapply Rle_trans; [apply Rabs_triang|].
    rewrite !Rabs_mult, Rabs_Ropp, (Rabs_pos_eq h), (Rabs_pos_eq (1 - h)) by lra. nra. }
  assert (Part : Rabs (h * c) <= mu t j) by (rewrite Rabs_mult, (Rabs_pos_eq h) by lra; nra).
  assert (Rest : Rabs ((h - 1) * s) <= mu t j).
  { rewrite Rabs_mult, (Rabs_minus_sym h 1), (Rabs_pos_eq (1 - h)) by lra. nra. }
  assert (Whole : Rabs (h * s) <= mu t j) by (rewrite Rabs_mult, (Rabs_pos_eq h) by lra; nra).
  assert (Zero : Rabs 0 <= mu t j) by (rewrite Rabs_R0; lra).
  unfold touched. destruct (may (S t) r i) eqn:Fi, (may (S t) r j) eqn:Fj; simpl orb;
    destruct (first_cases net W r i) as [Ei | Ei], (first_cases net W r j) as [Ej | Ej]; rewrite ?Ei, ?Ej in *;
    destruct (Req_EM_T 0 1) as [Q|_]; try lra; destruct (Req_EM_T 1 1) as [_|Q]; try lra; simpl andb; simpl bit;
    try rewrite (Pi eq_refl); try rewrite (Rj eq_refl); rewrite ?Rmult_0_l, ?Rmult_1_l; try assumption;
    match goal with |- Rabs ?x <= _ => first
      [ replace x with 0 by ring; rewrite Rabs_R0; lra | replace x with (h * c) by ring; assumption
      | replace x with (h * c - s) by ring; assumption | replace x with ((h - 1) * s) by ring; assumption
      | replace x with (h * s) by ring; assumption | replace x with c by ring; assumption
      | replace x with (c - s) by ring; assumption ] end.
Qed.

(** output-deviation: |psi(t+1) - psi(t)| <= B(t+1) mu(t+1), with the pairs F(t+1). *)
Theorem output_deviation t i : (i < n)%nat -> below t -> kept (S t) ->
  Rabs (psi_rise net p push W t i) <= mul n (deviation_count (S t)) (mu t) i.
Proof.
  intros Hi B K. rewrite (psi_sum net ok p push W train). unfold mul, deviation_count. fold m.
  pose proof (width_pos net ok) as Pm. fold m in Pm. pose proof (Rinv_0_lt_compat _ Pm) as Q.
  rewrite Rabs_mult, Rabs_Ropp, (Rabs_pos_eq (/ INR m)) by lra.
  rewrite (sum_ext n _ (fun j => / INR m * sum m (fun r => Rabs (kernel net i j) * (touched (S t) r i j * mu t j)))).
  2: { intros j _. rewrite !sum_scal, sum_scal_r. ring. }
  rewrite sum_scal, (sum_swap n m). apply Rmult_le_compat_l; [lra|]. eapply Rle_trans; [apply sum_abs|].
  apply sum_le. intros r Hr. unfold psi_of. eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros j Hj.
  rewrite Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos|]. now apply term_bound.
Qed.

End Deviation.
