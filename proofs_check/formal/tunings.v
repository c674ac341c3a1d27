(** The tunings of the theorem and their constants, for every condition number and every eigenvalue.

    lo and hi are the ends of the spectrum, kappa = hi/lo.  With s = sqrt kappa every claim becomes a polynomial
    inequality in s >= 1. *)

From Coq Require Import Reals Lra Lia.
From NagNtk Require Import vectors blocks companion.
Open Scope R_scope.

Definition kappa (lo hi : R) : R := hi / lo.

(** Gradient descent: eta = 1/hi, no momentum. *)
Definition gradient_descent (lo hi : R) : method := Method (1 / hi) 0 0.

(** Heavy ball (Polyak): eta = 1/hi, beta = (1 - 1/(2 sqrt kappa))^2, gamma = 0. *)
Definition heavy_ball_beta (k : R) : R := (1 - 1 / (2 * sqrt k)) * (1 - 1 / (2 * sqrt k)).
Definition heavy_ball (lo hi : R) : method := Method (1 / hi) (heavy_ball_beta (kappa lo hi)) 0.

(** Nesterov, constant momentum: eta = 1/(2 hi), beta = gamma = (3 sqrt kappa - 2)/(3 sqrt kappa + 2). *)
Definition nesterov_beta (k : R) : R := (3 * sqrt k - 2) / (3 * sqrt k + 2).
Definition nesterov (lo hi : R) : method :=
  Method (1 / (2 * hi)) (nesterov_beta (kappa lo hi)) (nesterov_beta (kappa lo hi)).

(** Rates of the linear model and the prefactors of its powers. *)
Definition gradient_descent_rate (k : R) : R := 1 - 1 / k.
Definition heavy_ball_rate (k : R) : R := 1 - 1 / (2 * sqrt k).
Definition nesterov_rate (k : R) : R := 1 - 2 / (3 * sqrt k).
Definition heavy_ball_prefactor (k : R) : R := 4 * sqrt k.
Definition nesterov_prefactor (k : R) : R := 12 * sqrt k.

(** ** The square root of the condition number *)

Lemma root_facts lo hi : 0 < lo -> lo <= hi ->
  1 <= sqrt (kappa lo hi) /\ hi = sqrt (kappa lo hi) * sqrt (kappa lo hi) * lo.
Proof.
  intros L U. unfold kappa. assert (K : 1 <= hi / lo).
  { apply (Rmult_le_reg_r lo); [assumption|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
  split.
  - rewrite <- sqrt_1. now apply sqrt_le_1_alt.
  - rewrite sqrt_sqrt by lra. field. lra.
Qed.

Lemma of_difference a b : 0 <= b - a -> a <= b.
Proof. intros. lra. Qed.

(** An inequality between two fractions, one of them with denominator 1. *)
Lemma le_fraction a b c : 0 < c -> a * c <= b -> a <= b / c.
Proof.
  intros P L. apply (Rmult_le_reg_r c); [assumption|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
Qed.

Lemma fraction_le a b c : 0 < c -> b <= a * c -> b / c <= a.
Proof.
  intros P L. apply (Rmult_le_reg_r c); [assumption|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
Qed.

(** ** Nesterov *)

(** At the tuning every gap is at least 1/(3 sqrt kappa + 2)^2. *)
Definition nesterov_gap (k : R) : R := 1 / ((3 * sqrt k + 2) * (3 * sqrt k + 2)).

Lemma nesterov_gap_pos k : 0 < nesterov_gap k.
Proof.
  unfold nesterov_gap. pose proof (sqrt_pos k). apply Rdiv_lt_0_compat; [lra|]. apply Rmult_lt_0_compat; lra.
Qed.

Lemma nesterov_gap_lo lo hi : 0 < lo -> lo <= hi -> nesterov_gap (kappa lo hi) <= gap (nesterov lo hi) lo.
Proof.
  intros L U. destruct (root_facts lo hi L U) as [S E]. unfold nesterov_gap, gap, det, trace, nesterov, nesterov_beta.
  simpl. set (s := sqrt (kappa lo hi)) in *. clearbody s. subst hi.
  apply of_difference. match goal with |- 0 <= ?x =>
    replace x with ((s * s - 1) / (s * s * ((3 * s + 2) * (3 * s + 2)))) by (field; repeat split; nra) end.
  apply Rmult_le_pos; [nra|]. apply Rlt_le, Rinv_0_lt_compat. nra.
Qed.

Lemma nesterov_gap_hi lo hi : 0 < lo -> lo <= hi -> nesterov_gap (kappa lo hi) <= gap (nesterov lo hi) hi.
Proof.
  intros L U. destruct (root_facts lo hi L U) as [S E]. unfold nesterov_gap, gap, det, trace, nesterov, nesterov_beta.
  simpl. set (s := sqrt (kappa lo hi)) in *. clearbody s. subst hi.
  apply of_difference. match goal with |- 0 <= ?x =>
    replace x with ((9 * s * s - 9) / ((3 * s + 2) * (3 * s + 2))) by (field; repeat split; nra) end.
  apply Rmult_le_pos; [nra|]. apply Rlt_le, Rinv_0_lt_compat. nra.
Qed.

(** The largest determinant is at most (1 - 2/(3 sqrt kappa))^2: this is the rate. *)
Lemma nesterov_rate_lo lo hi : 0 < lo -> lo <= hi ->
  det (nesterov lo hi) lo <= nesterov_rate (kappa lo hi) * nesterov_rate (kappa lo hi).
Proof.
  intros L U. destruct (root_facts lo hi L U) as [S E]. unfold det, nesterov, nesterov_beta, nesterov_rate.
  simpl. set (s := sqrt (kappa lo hi)) in *. clearbody s. subst hi.
  apply of_difference. match goal with |- 0 <= ?x =>
    replace x with ((3 * s - 2) / (18 * s * s * (3 * s + 2))) by (field; repeat split; nra) end.
  apply Rmult_le_pos; [nra|]. apply Rlt_le, Rinv_0_lt_compat. nra.
Qed.

(** 4 (1 + c0)^2 <= (12 sqrt kappa)^2 times the gap: this is the prefactor. *)
Lemma nesterov_prefactor_lo lo hi : 0 < lo -> lo <= hi ->
  4 * ((1 + det (nesterov lo hi) lo) * (1 + det (nesterov lo hi) lo))
  <= nesterov_prefactor (kappa lo hi) * nesterov_prefactor (kappa lo hi) * nesterov_gap (kappa lo hi).
Proof.
  intros L U. destruct (root_facts lo hi L U) as [S E].
  unfold det, nesterov, nesterov_beta, nesterov_prefactor, nesterov_gap.
  simpl. set (s := sqrt (kappa lo hi)) in *. clearbody s. subst hi.
  set (c := (3 * s - 2) / (3 * s + 2) - 1 / (2 * (s * s * lo)) * ((3 * s - 2) / (3 * s + 2)) * lo).
  assert (Ec : 1 + c = (6 * s - (3 * s - 2) / (2 * s * s)) / (3 * s + 2)) by (unfold c; field; repeat split; nra).
  assert (P : 0 <= (3 * s - 2) / (2 * s * s) <= 6 * s).
  { split; [apply Rmult_le_pos; [lra|apply Rlt_le, Rinv_0_lt_compat; nra]|]. apply fraction_le; nra. }
  rewrite Ec. set (w := (3 * s - 2) / (2 * s * s)) in *. clearbody w.
  apply of_difference. match goal with |- 0 <= ?x =>
    replace x with (4 * (w * (12 * s - w)) / ((3 * s + 2) * (3 * s + 2))) by (field; lra) end.
  apply Rmult_le_pos; [|apply Rlt_le, Rinv_0_lt_compat; nra].
  apply Rmult_le_pos; [lra|]. apply Rmult_le_pos; lra.
Qed.

Lemma nesterov_beta_range lo hi : 0 < lo -> lo <= hi -> 0 < nesterov_beta (kappa lo hi) < 1.
Proof.
  intros L U. destruct (root_facts lo hi L U) as [S _]. unfold nesterov_beta.
  split; [apply Rdiv_lt_0_compat; lra|]. apply (Rmult_lt_reg_r (3 * sqrt (kappa lo hi) + 2)); [lra|].
  unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra.
Qed.

(** ** Heavy ball *)

(** At the tuning every gap is at least (1 + beta)^2/(4 kappa). *)
Definition heavy_ball_gap (k : R) : R := (1 + heavy_ball_beta k) * (1 + heavy_ball_beta k) / (4 * (sqrt k * sqrt k)).

Lemma heavy_ball_beta_range lo hi : 0 < lo -> lo <= hi -> 0 < heavy_ball_beta (kappa lo hi) < 1.
Proof.
  intros L U. destruct (root_facts lo hi L U) as [S _]. unfold heavy_ball_beta.
  set (s := sqrt (kappa lo hi)) in *. clearbody s.
  assert (P : 0 < 1 / (2 * s) <= 1 / 2).
  { split; [apply Rdiv_lt_0_compat; lra|]. apply fraction_le; lra. }
  nra.
Qed.

Lemma heavy_ball_gap_pos lo hi : 0 < lo -> lo <= hi -> 0 < heavy_ball_gap (kappa lo hi).
Proof.
  intros L U. destruct (root_facts lo hi L U) as [S _]. pose proof (heavy_ball_beta_range lo hi L U).
  unfold heavy_ball_gap. apply Rdiv_lt_0_compat; nra.
Qed.

(** The gap in factors: (z - (1 - b)^2)((1 + b)^2 - z) with b = sqrt beta. *)
Lemma heavy_ball_gap_lo lo hi : 0 < lo -> lo <= hi -> heavy_ball_gap (kappa lo hi) <= gap (heavy_ball lo hi) lo.
Proof.
  intros L U. destruct (root_facts lo hi L U) as [S E]. unfold heavy_ball_gap, gap, det, trace, heavy_ball, heavy_ball_beta.
  simpl. set (s := sqrt (kappa lo hi)) in *. clearbody s. subst hi.
  apply of_difference. match goal with |- 0 <= ?x =>
    replace x with ((12 * (s * s) * ((4 * s - 3) * (4 * s + 1)) - (8 * s * s - 4 * s + 1) * (8 * s * s - 4 * s + 1))
                    / (64 * (s * s * s * s * s * s))) by (field; repeat split; nra) end.
  apply Rmult_le_pos; [|apply Rlt_le, Rinv_0_lt_compat; repeat apply Rmult_lt_0_compat; lra].
  assert ((8 * s * s - 4 * s + 1) * (8 * s * s - 4 * s + 1) <= (s * (8 * s - 3)) * (s * (8 * s - 3)))
    by (apply Rmult_le_compat; nra).
  assert (0 <= (s * s) * (128 * s * s - 48 * s - 45)) by (apply Rmult_le_pos; nra). lra.
Qed.

Lemma heavy_ball_gap_hi lo hi : 0 < lo -> lo <= hi -> heavy_ball_gap (kappa lo hi) <= gap (heavy_ball lo hi) hi.
Proof.
  intros L U. destruct (root_facts lo hi L U) as [S E]. unfold heavy_ball_gap, gap, det, trace, heavy_ball, heavy_ball_beta.
  simpl. set (s := sqrt (kappa lo hi)) in *. clearbody s. subst hi.
  apply of_difference. match goal with |- 0 <= ?x =>
    replace x with ((4 * (s * s) * ((4 * s * s - 1) * ((2 * s - 1) * (6 * s - 1)))
                     - (8 * s * s - 4 * s + 1) * (8 * s * s - 4 * s + 1))
                    / (64 * (s * s * s * s * s * s))) by (field; repeat split; nra) end.
  apply Rmult_le_pos; [|apply Rlt_le, Rinv_0_lt_compat; repeat apply Rmult_lt_0_compat; lra].
  assert ((8 * s * s - 4 * s + 1) * (8 * s * s - 4 * s + 1) <= (s * (8 * s - 3)) * (s * (8 * s - 3)))
    by (apply Rmult_le_compat; nra).
  assert (3 * ((2 * s - 1) * (6 * s - 1)) <= (4 * s * s - 1) * ((2 * s - 1) * (6 * s - 1)))
    by (apply Rmult_le_compat_r; nra).
  assert (0 <= (s * s) * (80 * s * s - 48 * s + 3)) by (apply Rmult_le_pos; nra). nra.
Qed.

Lemma heavy_ball_rate_lo lo hi : 0 < lo -> lo <= hi ->
  det (heavy_ball lo hi) lo <= heavy_ball_rate (kappa lo hi) * heavy_ball_rate (kappa lo hi).
Proof. intros. unfold det, heavy_ball, heavy_ball_beta, heavy_ball_rate. simpl. apply Req_le. ring. Qed.

Lemma heavy_ball_prefactor_lo lo hi : 0 < lo -> lo <= hi ->
  4 * ((1 + det (heavy_ball lo hi) lo) * (1 + det (heavy_ball lo hi) lo))
  <= heavy_ball_prefactor (kappa lo hi) * heavy_ball_prefactor (kappa lo hi) * heavy_ball_gap (kappa lo hi).
Proof.
  intros L U. destruct (root_facts lo hi L U) as [S _].
  unfold det, heavy_ball, heavy_ball_prefactor, heavy_ball_gap. simpl.
  apply Req_le. field. lra.
Qed.
