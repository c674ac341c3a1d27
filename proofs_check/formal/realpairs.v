(** Powers of one momentum block, for every power: real eigenvalues, critical or overdamped.

    At the theorem's tunings every block has a complex pair (tunings.v).  Where the momentum is smaller than the tuning,
    blocks become overdamped: M = [[r + s, -r s], [1, 0]] with real eigenvalues |s| <= r.  Then
      M^k = s^k I + p_k (M - s I),   p_k = r^(k-1) + r^(k-2) s + ... + s^(k-1),
    and |M - s I| is exactly sqrt((1 + r^2)(1 + s^2)).  Momentum larger than the tuning needs nothing new: the blocks stay
    underdamped, and blocks.v applies with its own constant. *)

From Coq Require Import Reals Lra Lia.
From NagNtk Require Import blocks.
Open Scope R_scope.

(** p_k of the eigenvalues r and s. *)
Fixpoint divided (r s : R) (k : nat) : R :=
  match k with O => 0 | S j => r ^ j + s * divided r s j end.

Lemma divided_difference r s k : (r - s) * divided r s k = r ^ k - s ^ k.
Proof. induction k as [|k IH]; simpl; [lra|]. nra. Qed.

Lemma divided_next r s k : divided r s (S k) = r * divided r s k + s ^ k.
Proof.
  induction k as [|k IH]; [simpl; lra|].
  change (divided r s (S (S k))) with (r ^ S k + s * divided r s (S k)). rewrite IH at 1. simpl. ring.
Qed.

(** M^k written with s^k and p_k, entry by entry. *)
Lemma real_power r s k v :
  power (block (r + s) (r * s)) k v =
  (s ^ k * fst v + divided r s k * (r * fst v - r * s * snd v), s ^ k * snd v + divided r s k * (fst v - s * snd v)).
Proof.
  induction k as [|k IH]; [destruct v as [x y]; simpl; f_equal; ring|].
  change (power (block (r + s) (r * s)) (S k) v) with (block (r + s) (r * s) (power (block (r + s) (r * s)) k v)).
  rewrite IH, divided_next. unfold block. simpl. f_equal; ring.
Qed.

Lemma pow_abs_le s r k : Rabs s <= r -> Rabs (s ^ k) <= r ^ k.
Proof. intros L. rewrite <- RPow_abs. apply pow_incr. split; [apply Rabs_pos|assumption]. Qed.

(** |p_k| <= k r^(k-1), whatever the distance of the two eigenvalues. *)
Lemma divided_bound r s k : Rabs s <= r -> Rabs (divided r s (S k)) <= INR (S k) * r ^ k.
Proof.
  intros L. assert (P : 0 <= r) by (eapply Rle_trans; [apply Rabs_pos|exact L]).
  induction k as [|k IH].
  - simpl. rewrite Rmult_0_r, Rplus_0_r, Rabs_R1. lra.
  - change (divided r s (S (S k))) with (r ^ S k + s * divided r s (S k)).
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult, (Rabs_pos_eq (r ^ S k)) by now apply pow_le.
    assert (Rabs s * Rabs (divided r s (S k)) <= r * (INR (S k) * r ^ k))
      by (apply Rmult_le_compat; try apply Rabs_pos; assumption).
    rewrite (S_INR (S k)). simpl pow. lra.
Qed.

(** |p_k| <= 2 r^k/(r - s) where the eigenvalues differ. *)
Lemma divided_bound_apart r s k : Rabs s <= r -> s < r -> Rabs (divided r s k) <= 2 * r ^ k / (r - s).
Proof.
  intros L A. apply (Rmult_le_reg_l (r - s)); [lra|].
  replace ((r - s) * (2 * r ^ k / (r - s))) with (2 * r ^ k) by (field; lra).
  rewrite <- (Rabs_pos_eq (r - s)) at 1 by lra. rewrite <- Rabs_mult, divided_difference.
  unfold Rminus. eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp.
  assert (P : 0 <= r) by (eapply Rle_trans; [apply Rabs_pos|exact L]).
  pose proof (pow_abs_le s r k L). rewrite (Rabs_pos_eq (r ^ k)) by now apply pow_le. lra.
Qed.

Lemma pnorm_triangle x y x' y' : pnorm (x + x', y + y') <= pnorm (x, y) + pnorm (x', y').
Proof.
  pose proof (pnorm_nonneg (x, y)) as A. pose proof (pnorm_nonneg (x', y')) as B.
  pose proof (pnorm_sq (x, y)) as A2. pose proof (pnorm_sq (x', y')) as B2.
  apply Rsqr_incr_0_var; [|lra]. unfold Rsqr. rewrite pnorm_sq. unfold sqnorm in *. simpl in *.
  assert (C : x * x' + y * y' <= pnorm (x, y) * pnorm (x', y')).
  { apply Rsqr_incr_0_var; [|now apply Rmult_le_pos]. unfold Rsqr.
    replace (pnorm (x, y) * pnorm (x', y') * (pnorm (x, y) * pnorm (x', y')))
      with ((x * x + y * y) * (x' * x' + y' * y')) by (rewrite <- A2, <- B2; ring).
    pose proof (Rle_0_sqr (x * y' - y * x')) as Q. unfold Rsqr in Q. nra. }
  nra.
Qed.

Lemma pnorm_scal c x y : pnorm (c * x, c * y) = Rabs c * pnorm (x, y).
Proof.
  unfold pnorm, sqnorm. simpl. replace (c * x * (c * x) + c * y * (c * y)) with (Rsqr c * (x * x + y * y))
    by (unfold Rsqr; ring). rewrite sqrt_mult_alt by apply Rle_0_sqr. now rewrite sqrt_Rsqr_abs.
Qed.

(** |M - s I|^2 = (1 + r^2)(1 + s^2): a matrix of rank one. *)
Lemma shifted_norm r s x y :
  pnorm (r * x - r * s * y, x - s * y) <= sqrt ((1 + r * r) * (1 + s * s)) * pnorm (x, y).
Proof.
  unfold pnorm, sqnorm. simpl. rewrite <- sqrt_mult_alt by nra. apply sqrt_le_1_alt.
  pose proof (Rle_0_sqr (s * x + y)) as Q. unfold Rsqr in Q.
  replace ((r * x - r * s * y) * (r * x - r * s * y) + (x - s * y) * (x - s * y))
    with ((1 + r * r) * ((x - s * y) * (x - s * y))) by ring.
  rewrite Rmult_assoc. apply Rmult_le_compat_l; nra.
Qed.

(** Real eigenvalues |s| <= r, critical or overdamped, every power:
      |M^k v| <= (|s|^k + |p_k| sqrt((1 + r^2)(1 + s^2))) |v|. *)
Theorem real_powers r s k v :
  pnorm (power (block (r + s) (r * s)) k v)
  <= (Rabs (s ^ k) + Rabs (divided r s k) * sqrt ((1 + r * r) * (1 + s * s))) * pnorm v.
Proof.
  rewrite real_power. destruct v as [x y]; simpl.
  eapply Rle_trans; [apply pnorm_triangle|]. rewrite !pnorm_scal.
  pose proof (shifted_norm r s x y) as N. pose proof (Rabs_pos (divided r s k)).
  assert (Rabs (divided r s k) * pnorm (r * x - r * s * y, x - s * y)
          <= Rabs (divided r s k) * (sqrt ((1 + r * r) * (1 + s * s)) * pnorm (x, y)))
    by (apply Rmult_le_compat_l; assumption). nra.
Qed.

(** Critical block, one double eigenvalue r >= 0 (c = a^2/4): powers grow like k r^(k-1),
      |M^(k+1) v| <= (r + (k + 1)(1 + r^2)) r^k |v|. *)
Theorem critical_powers r k v : 0 <= r ->
  pnorm (power (block (2 * r) (r * r)) (S k) v) <= (r + INR (S k) * (1 + r * r)) * r ^ k * pnorm v.
Proof.
  intros P. replace (2 * r) with (r + r) by ring.
  eapply Rle_trans; [apply real_powers|]. apply Rmult_le_compat_r; [apply pnorm_nonneg|].
  rewrite sqrt_square by nra. assert (L : Rabs r <= r) by (rewrite Rabs_pos_eq; lra).
  pose proof (divided_bound r r k L) as D. pose proof (pow_abs_le r r (S k) L) as E. simpl pow in *.
  assert (Rabs (divided r r (S k)) * (1 + r * r) <= INR (S k) * r ^ k * (1 + r * r))
    by (apply Rmult_le_compat_r; nra). lra.
Qed.

(** Overdamped block, |s| <= r and s < r, every power:
      |M^k v| <= (1 + 2 sqrt((1 + r^2)(1 + s^2))/(r - s)) r^k |v|. *)
Theorem overdamped_powers r s k v : Rabs s <= r -> s < r ->
  pnorm (power (block (r + s) (r * s)) k v)
  <= (1 + 2 * sqrt ((1 + r * r) * (1 + s * s)) / (r - s)) * r ^ k * pnorm v.
Proof.
  intros L A. eapply Rle_trans; [apply real_powers|]. apply Rmult_le_compat_r; [apply pnorm_nonneg|].
  pose proof (divided_bound_apart r s k L A) as D. pose proof (pow_abs_le s r k L) as E.
  pose proof (sqrt_pos ((1 + r * r) * (1 + s * s))) as Q.
  assert (Rabs (divided r s k) * sqrt ((1 + r * r) * (1 + s * s))
          <= 2 * r ^ k / (r - s) * sqrt ((1 + r * r) * (1 + s * s))) by (apply Rmult_le_compat_r; assumption).
  replace ((1 + 2 * sqrt ((1 + r * r) * (1 + s * s)) / (r - s)) * r ^ k)
    with (r ^ k + 2 * r ^ k / (r - s) * sqrt ((1 + r * r) * (1 + s * s))) by (field; lra). lra.
Qed.

(** A discriminant a^2 >= 4c means real eigenvalues: every block that is not underdamped is of the form above. *)
Theorem real_eigenvalues a c : 0 <= a -> 4 * c <= a * a ->
  exists r s, Rabs s <= r /\ a = r + s /\ c = r * s.
Proof.
  intros Ha D. set (d := sqrt (a * a - 4 * c)).
  assert (E : d * d = a * a - 4 * c) by (apply sqrt_sqrt; lra).
  assert (P : 0 <= d) by apply sqrt_pos.
  exists ((a + d) / 2), ((a - d) / 2). repeat split; [apply Rabs_le; lra|lra|nra].
Qed.
