(** The tie to the other half of the project: what Coq's constants are, as rational numbers.

    The statements speak of reals.  Here each constant and hypothesis has a rational twin, proved equal to it, that Coq can
    evaluate; a test evaluates all of them on a grid and compares them with what the checks in Python use.  The theorems
    are repeated below with their constants by name, so that a number changed in either place no longer fits. *)

From Coq Require Import Reals Lra Lia QArith Qreals List String.
From NagNtk Require Import vectors matrices blocks companion tunings powers network distance gronwall bootstrap contraction
  widths controls.
Import ListNotations.
Open Scope R_scope.

(** ** The theorems with their constants by name *)

Definition nesterov_powers_named n H lo hi k v (L : 0 < lo) (U : lo <= hi) (S : spectrum_within n H lo hi) :
  norm2 n (power (companion n (nesterov lo hi) H) k v)
  <= nesterov_prefactor (kappa lo hi) * nesterov_rate (kappa lo hi) ^ k * norm2 n v
  := nesterov_powers n H lo hi k v L U S.

Definition heavy_ball_powers_named n H lo hi k v (L : 0 < lo) (U : lo <= hi) (S : spectrum_within n H lo hi) :
  norm2 n (power (companion n (heavy_ball lo hi) H) k v)
  <= heavy_ball_prefactor (kappa lo hi) * heavy_ball_rate (kappa lo hi) ^ k * norm2 n v
  := heavy_ball_powers n H lo hi k v L U S.

Definition gradient_descent_powers_named n H lo hi k x (L : 0 < lo) (U : lo <= hi) (S : spectrum_within n H lo hi) :
  norm n (power (descend n (eta (gradient_descent lo hi)) H) k x)
  <= gradient_descent_rate (kappa lo hi) ^ k * norm n x
  := gradient_descent_powers n H lo hi k x L U S.

Definition nesterov_contraction_named net W lo hi rad top ok train init P Small Wide t :
  norm2 (samples net) (stacked net W t)
  <= nesterov_prefactor (kappa lo hi) * nesterov_claim (kappa lo hi) ^ t * norm2 (samples net) (stacked net W O)
  := proj1 (nesterov_contraction net W lo hi rad top ok train init P Small Wide t).

Definition heavy_ball_contraction_named net W lo hi rad top ok train init P Small Wide t :
  norm2 (samples net) (stacked net W t)
  <= heavy_ball_prefactor (kappa lo hi) * heavy_ball_claim (kappa lo hi) ^ t * norm2 (samples net) (stacked net W O)
  := proj1 (heavy_ball_contraction net W lo hi rad top ok train init P Small Wide t).

Definition gradient_descent_contraction_named net W lo hi rad top ok train init P Small Wide t :
  norm (samples net) (residual net (W t))
  <= gradient_descent_claim (kappa lo hi) ^ t * norm (samples net) (residual net (W O))
  := proj1 (gradient_descent_contraction net W lo hi rad top ok train init P Small Wide t).

(** The false constants of the controls, by name. *)
Definition nesterov_eight (k : R) : R := 8 * sqrt k.
Definition heavy_ball_small (k : R) : R := 19 / 10 * sqrt k.
Definition heavy_ball_root_two (lo hi : R) : R :=
  sqrt 2 * (1 + beta (heavy_ball lo hi)) / sqrt (Rmin (gap (heavy_ball lo hi) lo) (gap (heavy_ball lo hi) hi)).

Definition powers_below (tuning : R -> R -> method) (C : R -> R -> R) (rate : R -> R) : Prop :=
  forall n H lo hi k v, 0 < lo -> lo <= hi -> spectrum_within n H lo hi ->
    norm2 n (power (companion n (tuning lo hi) H) k v) <= C lo hi * rate (kappa lo hi) ^ k * norm2 n v.

Definition nesterov_eight_named : ~ powers_below nesterov (fun lo hi => nesterov_eight (kappa lo hi)) nesterov_rate
  := nesterov_eight_is_false.
Definition heavy_ball_small_named : ~ powers_below heavy_ball (fun lo hi => heavy_ball_small (kappa lo hi)) heavy_ball_rate
  := heavy_ball_small_is_false.
Definition heavy_ball_root_two_named : ~ powers_below heavy_ball heavy_ball_root_two heavy_ball_rate
  := heavy_ball_root_two_is_false.

(** ** The readings: kappa = s^2, spectrum [1, s^2], the eigenvalue h *)

Open Scope string_scope.

(** What depends on the three numbers of a method; the distance bound at c = 1/4, path 7/3, first residual 5/2. *)
Definition of_method (p : method) (h : R) : list (string * R) :=
  [("eta", eta p); ("beta", beta p); ("gamma", gamma p);
   ("trace", trace p h); ("det", det p h); ("gap", gap p h);
   ("distance", distance_bound p (1 / 4) (7 / 3) (5 / 2))].

Definition hundred : network := Network 0 100 0 (fun _ => vzero) vzero (fun _ => 1).

Definition constants (s : R) : list (string * R) :=
  let k := kappa 1 (s * s) in
  [("nesterov prefactor", nesterov_prefactor k); ("nesterov rate", nesterov_rate k); ("nesterov claim", nesterov_claim k);
   ("heavy_ball prefactor", heavy_ball_prefactor k); ("heavy_ball rate", heavy_ball_rate k);
   ("heavy_ball claim", heavy_ball_claim k);
   ("gradient_descent rate", gradient_descent_rate k); ("gradient_descent claim", gradient_descent_claim k);
   ("nesterov eight", nesterov_eight k); ("heavy_ball small", heavy_ball_small k);
   ("heavy_ball root-two squared", heavy_ball_root_two 1 (s * s) * heavy_ball_root_two 1 (s * s));
   ("flip-count at width 100", flip_count_bound hundred (s / 100));
   ("nesterov radius", momentum_radius 1040 k 3 (1 / 2)); ("nesterov demand", momentum_demand 1040 39 k 3 (5 / 2));
   ("heavy_ball radius", momentum_radius 192 k 3 (1 / 2)); ("heavy_ball demand", momentum_demand 192 31 k 3 (5 / 2));
   ("gradient_descent radius", descent_radius 3 (1 / 2)); ("gradient_descent demand", descent_demand 3 (5 / 2))].

(** ** Their rational twins *)

Local Open Scope Q_scope.
Record qmethod := QMethod { qeta : Q; qbeta : Q; qgamma : Q }.

Definition q_nesterov (s : Q) : qmethod := QMethod (1 / (2 * (s * s))) ((3 * s - 2) / (3 * s + 2)) ((3 * s - 2) / (3 * s + 2)).
Definition q_heavy_ball (s : Q) : qmethod := QMethod (1 / (s * s)) ((1 - 1 / (2 * s)) * (1 - 1 / (2 * s))) 0.
Definition q_gradient_descent (s : Q) : qmethod := QMethod (1 / (s * s)) 0 0.

Definition q_trace p h := 1 + qbeta p - qeta p * (1 + qgamma p) * h.
Definition q_det p h := qbeta p - qeta p * qgamma p * h.
Definition q_gap p h := 4 * q_det p h - q_trace p h * q_trace p h.
Definition q_of_method (p : qmethod) (h : Q) : list (string * Q) :=
  [("eta", qeta p); ("beta", qbeta p); ("gamma", qgamma p);
   ("trace", q_trace p h); ("det", q_det p h); ("gap", q_gap p h);
   ("distance", qeta p / (1 - qbeta p) * (1 / 4) * ((1 + 2 * qgamma p) * (7 / 3) + qgamma p * (5 / 2)))].

(** 2 (1 + beta)^2/min h, the square of the refuted constant. *)
Definition q_root_two (s : Q) : Q :=
  let b := qbeta (q_heavy_ball s) in
  let low := q_gap (q_heavy_ball s) 1 in let high := q_gap (q_heavy_ball s) (s * s) in
  2 * ((1 + b) * (1 + b)) / (if Qle_bool low high then low else high).

Definition q_constants (s : Q) : list (string * Q) :=
  [("nesterov prefactor", 12 * s); ("nesterov rate", 1 - 2 / (3 * s)); ("nesterov claim", 1 - 1 / (2 * s));
   ("heavy_ball prefactor", 4 * s); ("heavy_ball rate", 1 - 1 / (2 * s)); ("heavy_ball claim", 1 - 1 / (4 * s));
   ("gradient_descent rate", 1 - 1 / (s * s)); ("gradient_descent claim", 1 - 1 / (2 * (s * s)));
   ("nesterov eight", 8 * s); ("heavy_ball small", 19 / 10 * s);
   ("heavy_ball root-two squared", q_root_two s);
   ("flip-count at width 100", 4 * 100 * (s / 100));
   ("nesterov radius", (1 / 2) / (1040 * s * 3));
   ("nesterov demand", (1040 * 39) * (1040 * 39) * ((s * s) * (s * s)) * (3 * 3 * 3) * ((5 / 2) * (5 / 2)));
   ("heavy_ball radius", (1 / 2) / (192 * s * 3));
   ("heavy_ball demand", (192 * 31) * (192 * 31) * ((s * s) * (s * s)) * (3 * 3 * 3) * ((5 / 2) * (5 / 2)));
   ("gradient_descent radius", (1 / 2) / (16 * 3));
   ("gradient_descent demand", (16 * 2) * (16 * 2) * (3 * 3 * 3) * ((5 / 2) * (5 / 2)))].

(** The hypotheses on the spectrum: 0 < lo <= hi and lo <= h <= hi, here with lo = 1 and hi = s^2. *)
Definition q_allowed (s h : Q) : bool := (Qle_bool 1 (s * s) && Qle_bool 1 h && Qle_bool h (s * s))%bool.
Close Scope Q_scope.

(** ** They are equal *)

Lemma Q2R_int z : Q2R (z # 1) = IZR z.
Proof. unfold Q2R. simpl. lra. Qed.

Definition real (r : string * Q) : string * R := (fst r, Q2R (snd r)).

Ltac push := repeat first [rewrite Q2R_plus | rewrite Q2R_minus | rewrite Q2R_mult | rewrite Q2R_div | rewrite Q2R_int].
(** A divisor that is not 0. *)
Ltac nonzero := let E := fresh in intros E; apply Qeq_eqR in E; revert E; push; try (intros; nra).

Lemma same_method p q h : eta p = Q2R (qeta q) -> beta p = Q2R (qbeta q) -> gamma p = Q2R (qgamma q) -> beta p < 1 ->
  of_method p (Q2R h) = map real (q_of_method q h).
Proof.
  intros E B G L. unfold of_method, q_of_method, real, q_gap, q_trace, q_det, gap, trace, det, distance_bound. simpl map.
  rewrite E, B, G in *. push; try nonzero; try reflexivity.
Qed.

Section Equal.
Variable s : Q.
Hypothesis large : 1 <= Q2R s.

Lemma root_reads : sqrt (kappa 1 (Q2R s * Q2R s)) = Q2R s.
Proof. unfold kappa, Rdiv. rewrite Rinv_1, Rmult_1_r. apply sqrt_square. lra. Qed.

Lemma kappa_reads : kappa 1 (Q2R s * Q2R s) = Q2R s * Q2R s.
Proof. unfold kappa. field. Qed.

Lemma nesterov_reads h : of_method (nesterov 1 (Q2R s * Q2R s)) (Q2R h) = map real (q_of_method (q_nesterov s) h).
Proof.
  apply same_method; simpl; try (unfold nesterov_beta; rewrite root_reads); push; try nonzero; try reflexivity.
  apply (Rmult_lt_reg_r (3 * Q2R s + 2)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
Qed.

Lemma heavy_ball_reads h :
  of_method (heavy_ball 1 (Q2R s * Q2R s)) (Q2R h) = map real (q_of_method (q_heavy_ball s) h).
Proof.
  apply same_method; simpl; try (unfold heavy_ball_beta; rewrite root_reads); push; try nonzero; try reflexivity.
  assert (0 < 1 / (2 * Q2R s) <= 1 / 2) by (split; [apply Rdiv_lt_0_compat; lra|apply fraction_le; lra]). nra.
Qed.

Lemma gradient_descent_reads h :
  of_method (gradient_descent 1 (Q2R s * Q2R s)) (Q2R h) = map real (q_of_method (q_gradient_descent s) h).
Proof. apply same_method; simpl; push; try nonzero; try reflexivity; lra. Qed.

Lemma heavy_ball_gap_reads h : gap (heavy_ball 1 (Q2R s * Q2R s)) (Q2R h) = Q2R (q_gap (q_heavy_ball s) h).
Proof. exact (f_equal (fun l => snd (nth 5 l ("", 0))) (heavy_ball_reads h)). Qed.

Lemma root_two_reads :
  heavy_ball_root_two 1 (Q2R s * Q2R s) * heavy_ball_root_two 1 (Q2R s * Q2R s)
  = Q2R (q_root_two s).
Proof.
  unfold q_root_two. cbv zeta. assert (U : 1 <= Q2R s * Q2R s) by nra.
  pose proof (heavy_ball_gap_pos 1 _ Rlt_0_1 U) as P. pose proof (heavy_ball_gap_lo 1 _ Rlt_0_1 U) as A.
  pose proof (heavy_ball_gap_hi 1 _ Rlt_0_1 U) as B.
  pose proof (heavy_ball_gap_reads 1) as E1. pose proof (heavy_ball_gap_reads (s * s)) as E2.
  rewrite Q2R_mult in E2. replace (Q2R 1) with 1 in E1 by (symmetry; apply (Q2R_int 1)).
  assert (Eb : beta (heavy_ball 1 (Q2R s * Q2R s)) = Q2R (qbeta (q_heavy_ball s))).
  { exact (f_equal (fun l => snd (nth 1 l ("", 0))) (heavy_ball_reads 1)). }
  unfold heavy_ball_root_two. rewrite E1, E2, Eb in *.
  set (low := q_gap (q_heavy_ball s) 1) in *. set (high := q_gap (q_heavy_ball s) (s * s)) in *.
  set (b := qbeta (q_heavy_ball s)) in *. clearbody low high b.
  assert (M : Rmin (Q2R low) (Q2R high) = Q2R (if Qle_bool low high then low else high)).
  { destruct (Qle_bool low high) eqn:L.
    - apply Rmin_left, Qle_Rle, Qle_bool_iff, L.
    - apply Rmin_right. destruct (Rle_or_lt (Q2R high) (Q2R low)) as [|N]; [assumption|].
      exfalso. apply Rlt_le, Rle_Qle, Qle_bool_iff in N. congruence. }
  rewrite M. assert (Pm : 0 < Q2R (if Qle_bool low high then low else high)) by (destruct (Qle_bool low high); lra).
  set (m := if Qle_bool low high then low else high) in *. clearbody m.
  push; [|intros E; apply Qeq_eqR in E; revert E; push; intros; lra].
  assert (S : 0 < sqrt (Q2R m)) by now apply sqrt_lt_R0.
  transitivity (sqrt 2 * sqrt 2 * ((1 + Q2R b) * (1 + Q2R b)) / (sqrt (Q2R m) * sqrt (Q2R m))); [field; lra|].
  rewrite !sqrt_sqrt by lra. reflexivity.
Qed.

Lemma constants_read : constants (Q2R s) = map real (q_constants s).
Proof.
  unfold constants, q_constants, real, nesterov_prefactor, nesterov_rate, nesterov_claim, heavy_ball_prefactor,
    heavy_ball_rate, heavy_ball_claim, gradient_descent_rate, gradient_descent_claim, nesterov_eight, heavy_ball_small,
    flip_count_bound, momentum_radius, descent_radius, momentum_demand, descent_demand.
  rewrite root_reads, kappa_reads. simpl map. simpl width.
  assert (W : INR 100 = 100) by (rewrite INR_IZR_INZ; reflexivity). rewrite W.
  rewrite root_two_reads.
  repeat (apply (f_equal2 cons); [apply f_equal|]); push; try nonzero; reflexivity.
Qed.

Lemma hypotheses_read h : q_allowed s h = true <-> 1 <= Q2R s * Q2R s /\ 1 <= Q2R h <= Q2R s * Q2R s.
Proof.
  unfold q_allowed. rewrite !Bool.andb_true_iff, !Qle_bool_iff.
  assert (E : forall a b, (a <= b)%Q <-> Q2R a <= Q2R b) by (split; [apply Qle_Rle|apply Rle_Qle]).
  rewrite !E. push. tauto.
Qed.
End Equal.

(** What the test evaluates: numerators and denominators, in lowest terms. *)
Definition reading (s h : Q) : bool * list (string * (Z * Z)) :=
  let prefixed := fun name => map (fun r : string * Q => (name ++ " " ++ fst r, snd r)) in
  (q_allowed s h,
   map (fun r => let q := Qred (snd r) in (fst r, (Qnum q, Zpos (Qden q))))
     (q_constants s ++ prefixed "nesterov" (q_of_method (q_nesterov s) h)
      ++ prefixed "heavy_ball" (q_of_method (q_heavy_ball s) h)
      ++ prefixed "gradient_descent" (q_of_method (q_gradient_descent s) h))%list).
