(** The constants at every eigenvalue in between, not only at the two ends of the spectrum.

    The gap is concave in the eigenvalue, so what tunings.v proves at the ends holds throughout; this is the statement on
    single blocks.  The matrix as a whole is powers.v. *)

From Coq Require Import Reals Lra Lia.
From NagNtk Require Import vectors blocks companion tunings.
Open Scope R_scope.

(** For every kappa >= 1 and every eigenvalue h of H, not only the two ends, the block of h is underdamped, its own
    prefactor is at most 12 sqrt kappa and its own rate sqrt(det) at most 1 - 2/(3 sqrt kappa). *)
Theorem nesterov_constants lo hi h : 0 < lo -> lo <= h <= hi ->
  let p := nesterov lo hi in
  trace p h * trace p h < 4 * det p h
  /\ prefactor (trace p h) (det p h) <= nesterov_prefactor (kappa lo hi)
  /\ det p h <= nesterov_rate (kappa lo hi) * nesterov_rate (kappa lo hi).
Proof.
  intros L [A B] p. assert (U : lo <= hi) by lra. destruct (root_facts lo hi L U) as [S E].
  pose proof (nesterov_gap_pos (kappa lo hi)) as G.
  pose proof (gap_between p lo hi _ h (conj A B) (nesterov_gap_lo lo hi L U) (nesterov_gap_hi lo hi L U)) as Gh.
  pose proof (nesterov_beta_range lo hi L U) as Bt.
  assert (D : det p h <= det p lo).
  { unfold det, p, nesterov. simpl. set (b := nesterov_beta (kappa lo hi)) in *.
    assert (0 < 1 / (2 * hi)) by (apply Rdiv_lt_0_compat; lra).
    assert (1 / (2 * hi) * b * lo <= 1 / (2 * hi) * b * h) by (apply Rmult_le_compat_l; nra). lra. }
  pose proof (nesterov_rate_lo lo hi L U) as Rt. pose proof (nesterov_prefactor_lo lo hi L U) as Pf.
  fold p in Rt, Pf. assert (D0 : 0 <= det p h).
  { unfold gap in Gh. pose proof (Rle_0_sqr (trace p h)) as Q. unfold Rsqr in Q. lra. }
  unfold gap in Gh. split; [lra|split; [|lra]].
  unfold prefactor. set (g := 4 * det p h - trace p h * trace p h) in *.
  assert (Sg : 0 < sqrt g) by (apply sqrt_lt_R0; lra).
  assert (Pp : 0 <= nesterov_prefactor (kappa lo hi)) by (unfold nesterov_prefactor; lra).
  apply fraction_le; [assumption|]. apply le_of_squares; [apply Rmult_le_pos; lra|].
  replace (nesterov_prefactor (kappa lo hi) * sqrt g * (nesterov_prefactor (kappa lo hi) * sqrt g))
    with (nesterov_prefactor (kappa lo hi) * nesterov_prefactor (kappa lo hi) * (sqrt g * sqrt g)) by ring.
  rewrite sqrt_sqrt by lra.
  apply Rle_trans with (4 * ((1 + det p lo) * (1 + det p lo))); [nra|].
  eapply Rle_trans; [exact Pf|]. apply Rmult_le_compat_l; [nra|assumption].
Qed.

(** The same for heavy ball: prefactor 4 sqrt kappa, and every block has exactly the rate 1 - 1/(2 sqrt kappa). *)
Theorem heavy_ball_constants lo hi h : 0 < lo -> lo <= h <= hi ->
  let p := heavy_ball lo hi in
  trace p h * trace p h < 4 * det p h
  /\ prefactor (trace p h) (det p h) <= heavy_ball_prefactor (kappa lo hi)
  /\ det p h = heavy_ball_rate (kappa lo hi) * heavy_ball_rate (kappa lo hi).
Proof.
  intros L [A B] p. assert (U : lo <= hi) by lra. destruct (root_facts lo hi L U) as [S E].
  pose proof (heavy_ball_gap_pos lo hi L U) as G.
  pose proof (gap_between p lo hi _ h (conj A B) (heavy_ball_gap_lo lo hi L U) (heavy_ball_gap_hi lo hi L U)) as Gh.
  pose proof (heavy_ball_beta_range lo hi L U) as Bt.
  assert (D : det p h = det p lo) by (unfold det, p, heavy_ball; simpl; ring).
  pose proof (heavy_ball_prefactor_lo lo hi L U) as Pf. fold p in Pf.
  assert (D0 : 0 <= det p h).
  { unfold gap in Gh. pose proof (Rle_0_sqr (trace p h)) as Q. unfold Rsqr in Q. lra. }
  unfold gap in Gh. split; [lra|split].
  - unfold prefactor. set (g := 4 * det p h - trace p h * trace p h) in *.
    assert (Sg : 0 < sqrt g) by (apply sqrt_lt_R0; lra).
    assert (Pp : 0 <= heavy_ball_prefactor (kappa lo hi)) by (unfold heavy_ball_prefactor; lra).
    apply fraction_le; [assumption|]. apply le_of_squares; [apply Rmult_le_pos; lra|].
    replace (heavy_ball_prefactor (kappa lo hi) * sqrt g * (heavy_ball_prefactor (kappa lo hi) * sqrt g))
      with (heavy_ball_prefactor (kappa lo hi) * heavy_ball_prefactor (kappa lo hi) * (sqrt g * sqrt g)) by ring.
    rewrite sqrt_sqrt by lra.
    apply Rle_trans with (4 * ((1 + det p lo) * (1 + det p lo))); [rewrite D; nra|].
    eapply Rle_trans; [exact Pf|]. apply Rmult_le_compat_l; [nra|assumption].
  - rewrite D. unfold det, p, heavy_ball, heavy_ball_beta, heavy_ball_rate. simpl. ring.
Qed.
