(** From blocks to the matrix: powers of the companion matrix of any momentum method on any symmetric H.

    M = [[(1 + beta) I - eta (1 + gamma) H, - beta I + eta gamma H], [I, 0]] acts on V = [xi(t); xi(t-1)].
    The invariant form of a block (blocks.v) becomes the form
      Q(x, y) = <x, x> - <x, A y> + <y, Det y>,   A = (1 + beta) - eta (1 + gamma) H,   Det = beta - eta gamma H,
    which M multiplies by at most c0 = beta - eta gamma lo, the largest determinant of a block.  Only
    lo |x|^2 <= <x, H x> <= hi |x|^2 is used (matrices.v): no diagonalisation. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From NagNtk Require Import vectors matrices blocks.
Open Scope R_scope.

(** A method of the family: step size, momentum, and gradient correction (0 for heavy ball, beta for Nesterov). *)
Record method := Method { eta : R; beta : R; gamma : R }.

(** Trace, determinant and gap 4 det - trace^2 of the block that belongs to the eigenvalue h of H. *)
Definition trace (p : method) (h : R) : R := 1 + beta p - eta p * (1 + gamma p) * h.
Definition det (p : method) (h : R) : R := beta p - eta p * gamma p * h.
Definition gap (p : method) (h : R) : R := 4 * det p h - trace p h * trace p h.

Definition state := (vec * vec)%type.

(** One step of the linear model: V -> M V. *)
Definition companion (n : nat) (p : method) (H : mat) (v : state) : state :=
  (vadd (vadd (vscal (1 + beta p) (fst v)) (vscal (- (eta p * (1 + gamma p))) (mul n H (fst v))))
        (vadd (vscal (- beta p) (snd v)) (vscal (eta p * gamma p) (mul n H (snd v)))), fst v).

Definition dot2 (n : nat) (v : state) : R := dot n (fst v) (fst v) + dot n (snd v) (snd v).

(** |V|, the Euclidean norm of the two blocks together. *)
Definition norm2 (n : nat) (v : state) : R := sqrt (dot2 n v).

(** |M^k v| <= C rho^k |v| for every power k and every v. *)
Definition powers_bounded (n : nat) (p : method) (H : mat) (C rho : R) : Prop :=
  forall k v, norm2 n (power (companion n p H) k v) <= C * rho ^ k * norm2 n v.

Lemma dot2_nonneg n v : 0 <= dot2 n v.
Proof. unfold dot2. pose proof (dot_nonneg n (fst v)). pose proof (dot_nonneg n (snd v)). lra. Qed.

Lemma norm2_nonneg n v : 0 <= norm2 n v.
Proof. apply sqrt_pos. Qed.

Lemma norm2_sq n v : norm2 n v * norm2 n v = dot2 n v.
Proof. apply sqrt_sqrt, dot2_nonneg. Qed.

(** The gap is concave in the eigenvalue: between two eigenvalues it is at least the smaller of their gaps. *)
Lemma gap_between p lo hi g h : lo <= h <= hi -> g <= gap p lo -> g <= gap p hi -> g <= gap p h.
Proof.
  intros [L U] Glo Ghi. set (e := eta p * (1 + gamma p)).
  assert (E : (hi - lo) * (gap p h - g)
          = (hi - h) * (gap p lo - g) + (h - lo) * (gap p hi - g) + (hi - lo) * ((e * e) * ((h - lo) * (hi - h)))).
  { unfold gap, det, trace. fold e. ring. }
  destruct (Req_dec lo hi) as [X|X]; [replace h with lo by lra; assumption|].
  assert (0 <= (hi - h) * (gap p lo - g)) by (apply Rmult_le_pos; lra).
  assert (0 <= (h - lo) * (gap p hi - g)) by (apply Rmult_le_pos; lra).
  assert (0 <= (hi - lo) * ((e * e) * ((h - lo) * (hi - h)))).
  { apply Rmult_le_pos; [lra|]. apply Rmult_le_pos; [apply Rle_0_sqr|]. apply Rmult_le_pos; lra. }
  assert (0 <= gap p h - g) by (apply (Rmult_le_reg_l (hi - lo)); lra). lra.
Qed.

Section Powers.
Variables (n : nat) (p : method) (H : mat) (lo hi g : R).
Hypothesis within : spectrum_within n H lo hi.
Hypothesis ordered : lo <= hi.
Hypothesis eta_nonneg : 0 <= eta p.
Hypothesis gamma_nonneg : 0 <= gamma p.
(** Every block has a complex pair, with a gap of at least g: asked at the two ends of the spectrum only. *)
Hypothesis gap_lo : g <= gap p lo.
Hypothesis gap_hi : g <= gap p hi.
Hypothesis gap_pos : 0 <= g.

Let c0 : R := det p lo.

Lemma c0_nonneg : 0 <= c0.
Proof. unfold c0. unfold gap in gap_lo. pose proof (Rle_0_sqr (trace p lo)) as S. unfold Rsqr in S. lra. Qed.

Definition qform (v : state) : R :=
  dot n (fst v) (fst v) - (1 + beta p) * dot n (fst v) (snd v)
  + eta p * (1 + gamma p) * dot n (fst v) (mul n H (snd v))
  + beta p * dot n (snd v) (snd v) - eta p * gamma p * dot n (snd v) (mul n H (snd v)).

Let sym x y : dot n (mul n H x) y = dot n x (mul n H y).
Proof. apply dot_mul_sym, within. Qed.

(** Writes every inner product of combinations of x, y, H x, ... with H moved to the right factor. *)
Ltac expand :=
  repeat (progress rewrite ?mul_add, ?mul_scal, ?dot_add_l, ?dot_add_r, ?dot_scal_l, ?dot_scal_r, ?sym).

Let flip0 x y : dot n y x = dot n x y. Proof. apply dot_sym. Qed.
Let flip1 x y : dot n y (mul n H x) = dot n x (mul n H y). Proof. now rewrite dot_sym, sym. Qed.
Let flip2 x y : dot n y (mul n H (mul n H x)) = dot n x (mul n H (mul n H y)). Proof. now rewrite flip1, sym. Qed.

(** A v = trace of H, applied. *)
Let A (y : vec) : vec := vadd (vscal (1 + beta p) y) (vscal (- (eta p * (1 + gamma p))) (mul n H y)).
Let D (y : vec) : vec := vadd (vscal (beta p) y) (vscal (- (eta p * gamma p)) (mul n H y)).

(** The gap of H is at least g as a quadratic form. *)
Lemma gap_form x :
  g * dot n x x <= 4 * dot n x (D x) - dot n (A x) (A x).
Proof.
  pose proof (concave_form n H lo hi within (4 * beta p - (1 + beta p) * (1 + beta p))
    (- 4 * (eta p * gamma p) + 2 * (1 + beta p) * (eta p * (1 + gamma p)))
    (- ((eta p * (1 + gamma p)) * (eta p * (1 + gamma p)))) g x ordered) as K.
  rewrite sym in K. unfold A, D. expand. rewrite ?(flip1 x x).
  eapply Rle_trans; [apply K|apply Req_le; ring].
  - pose proof (Rle_0_sqr (eta p * (1 + gamma p))) as S. unfold Rsqr in S. lra.
  - unfold gap, det, trace in gap_lo. eapply Rle_trans; [apply gap_lo|apply Req_le; ring].
  - unfold gap, det, trace in gap_hi. eapply Rle_trans; [apply gap_hi|apply Req_le; ring].
Qed.

(** The gap of H times (H - lo) is non-negative. *)
Lemma gap_form_weighted y :
  0 <= 4 * dot n y (above n H lo (D y)) - dot n (A y) (above n H lo (A y)).
Proof.
  pose proof (concave_form_weighted n H lo hi within (4 * beta p - (1 + beta p) * (1 + beta p))
    (- 4 * (eta p * gamma p) + 2 * (1 + beta p) * (eta p * (1 + gamma p)))
    (- ((eta p * (1 + gamma p)) * (eta p * (1 + gamma p)))) y ordered) as K.
  unfold A, D, above in *. revert K. expand. intros K. eapply Rle_trans; [apply K|apply Req_le; ring].
  - pose proof (Rle_0_sqr (eta p * (1 + gamma p))) as S. unfold Rsqr in S. lra.
  - unfold gap, det, trace in gap_lo. eapply Rle_trans; [apply Rle_trans with (1 := gap_pos) (2 := gap_lo)|].
    apply Req_le; ring.
  - unfold gap, det, trace in gap_hi. eapply Rle_trans; [apply Rle_trans with (1 := gap_pos) (2 := gap_hi)|].
    apply Req_le; ring.
Qed.

Lemma above_nonneg x : 0 <= dot n x (above n H lo x).
Proof. unfold above. expand. destruct within as [_ B]. pose proof (B x). lra. Qed.

(** (H - lo) times the form: this is what the form loses in a step, and what separates c0 from Det. *)
Lemma weighted_form v :
  0 <= dot n (fst v) (above n H lo (fst v)) - dot n (fst v) (above n H lo (A (snd v)))
       + dot n (snd v) (above n H lo (D (snd v))).
Proof.
  destruct v as [x y]; simpl.
  pose proof (above_nonneg (vadd x (vscal (- (1 / 2)) (A y)))) as K.
  pose proof (gap_form_weighted y) as G.
  unfold A, D, above in *. revert K G. expand. rewrite ?(flip0 x y), ?(flip1 x y), ?(flip2 x y), ?(flip2 y y).
  intros K G. lra.
Qed.

(** M multiplies Q by at most c0. *)
Lemma qform_step v : qform (companion n p H v) <= c0 * qform v.
Proof.
  pose proof (weighted_form v) as W. destruct v as [x y].
  assert (P : 0 <= eta p * gamma p) by (apply Rmult_le_pos; assumption).
  assert (E : c0 * qform (x, y) - qform (companion n p H (x, y))
    = eta p * gamma p * (dot n x (above n H lo x) - dot n x (above n H lo (A y)) + dot n y (above n H lo (D y)))).
  { unfold qform, companion, above, A, D, c0, det. simpl. expand.
    rewrite ?(flip0 x y), ?(flip1 x y), ?(flip2 x y). ring. }
  simpl in W. pose proof (Rmult_le_pos _ _ P W). lra.
Qed.

Lemma qform_lower v : g * dot2 n v <= 4 * (1 + c0) * qform v.
Proof.
  pose proof (weighted_form v) as W. destruct v as [x y]. unfold dot2. simpl in *.
  assert (P : 0 <= eta p * gamma p) by (apply Rmult_le_pos; assumption).
  pose proof (dot_nonneg n (vadd x (vscal (- (1 / 2)) (A y)))) as S1.
  pose proof (dot_nonneg n (vadd (vscal (1 / 2) (A x)) (vscal (-1) (D y)))) as S2.
  pose proof (gap_form x) as Gx. pose proof (gap_form y) as Gy.
  assert (E : 4 * (1 + c0) * qform (x, y)
    = 4 * dot n (vadd x (vscal (- (1 / 2)) (A y))) (vadd x (vscal (- (1 / 2)) (A y)))
      + 4 * dot n (vadd (vscal (1 / 2) (A x)) (vscal (-1) (D y))) (vadd (vscal (1 / 2) (A x)) (vscal (-1) (D y)))
      + (4 * dot n x (D x) - dot n (A x) (A x)) + (4 * dot n y (D y) - dot n (A y) (A y))
      + 4 * (eta p * gamma p) * (dot n x (above n H lo x) - dot n x (above n H lo (A y)) + dot n y (above n H lo (D y)))).
  { unfold qform, above, A, D, c0, det. simpl. expand.
    rewrite ?(flip0 x y), ?(flip1 x y), ?(flip2 x y). field. }
  pose proof (Rmult_le_pos _ _ P W). lra.
Qed.

Lemma qform_upper v : qform v <= (1 + c0) * dot2 n v.
Proof.
  destruct v as [x y]. unfold dot2. simpl.
  assert (P : 0 <= eta p * gamma p) by (apply Rmult_le_pos; assumption).
  pose proof (dot_nonneg n (vadd y (vscal (1 / 2) (A x)))) as S1.
  pose proof (gap_form x) as Gx. pose proof (dot_nonneg n x) as Nx.
  pose proof (above_nonneg x) as Ax. pose proof (above_nonneg y) as Ay.
  assert (E : (1 + c0) * (dot n x x + dot n y y) - qform (x, y)
    = dot n (vadd y (vscal (1 / 2) (A x))) (vadd y (vscal (1 / 2) (A x)))
      + (1 / 4) * (4 * dot n x (D x) - dot n (A x) (A x))
      + eta p * gamma p * (dot n x (above n H lo x) + dot n y (above n H lo y))).
  { unfold qform, above, A, D, c0, det. simpl. expand.
    rewrite ?(flip0 x y), ?(flip1 x y), ?(flip2 x y). field. }
  assert (0 <= eta p * gamma p * (dot n x (above n H lo x) + dot n y (above n H lo y)))
    by (apply Rmult_le_pos; lra).
  assert (0 <= g * dot n x x) by (apply Rmult_le_pos; assumption). lra.
Qed.

(** The family (eta, beta, gamma): if every block has a complex pair with a gap of at least g > 0, then for all k
      |M^k v|^2 <= (4 (1 + c0)^2/g) c0^k |v|^2,   c0 = beta - eta gamma lo. *)
Theorem companion_powers_sq k v :
  g * dot2 n (power (companion n p H) k v) <= 4 * (1 + det p lo) * (1 + det p lo) * det p lo ^ k * dot2 n v.
Proof.
  fold c0. pose proof c0_nonneg as Hc.
  assert (B : qform (power (companion n p H) k v) <= c0 ^ k * qform v).
  { induction k as [|k IH]; simpl; [lra|].
    eapply Rle_trans; [apply qform_step|]. rewrite Rmult_assoc. now apply Rmult_le_compat_l. }
  pose proof (qform_lower (power (companion n p H) k v)) as L. pose proof (qform_upper v) as U.
  pose proof (pow_le c0 k Hc) as P.
  assert (c0 ^ k * qform v <= c0 ^ k * ((1 + c0) * dot2 n v)) by (apply Rmult_le_compat_l; assumption).
  assert (4 * (1 + c0) * qform (power (companion n p H) k v) <= 4 * (1 + c0) * (c0 ^ k * ((1 + c0) * dot2 n v)))
    by (apply Rmult_le_compat_l; lra).
  lra.
Qed.

(** With numbers C and rho that cover the constant and the rate: |M^k v| <= C rho^k |v|. *)
Theorem companion_powers C rho : 0 < g -> 0 <= C -> 0 <= rho ->
  4 * ((1 + det p lo) * (1 + det p lo)) <= C * C * g -> det p lo <= rho * rho ->
  powers_bounded n p H C rho.
Proof.
  intros Hg HC Hr K1 K2 k v. pose proof c0_nonneg as Hc. fold c0 in K1, K2.
  pose proof (companion_powers_sq k v) as B. fold c0 in B.
  pose proof (norm2_nonneg n v) as N. pose proof (pow_le rho k Hr) as Pr. pose proof (pow_le c0 k Hc) as Pc.
  apply le_of_squares; [repeat apply Rmult_le_pos; assumption|]. rewrite norm2_sq.
  apply (Rmult_le_reg_l g); [assumption|]. eapply Rle_trans; [exact B|].
  replace (g * (C * rho ^ k * norm2 n v * (C * rho ^ k * norm2 n v)))
    with ((C * C * g) * ((rho ^ k * rho ^ k) * (norm2 n v * norm2 n v))) by ring.
  rewrite norm2_sq, <- Rpow_mult_distr. pose proof (dot2_nonneg n v) as Nv.
  assert (c0 ^ k <= (rho * rho) ^ k) by (apply pow_incr; lra).
  replace (4 * (1 + c0) * (1 + c0) * c0 ^ k * dot2 n v) with ((4 * ((1 + c0) * (1 + c0))) * (c0 ^ k * dot2 n v)) by ring.
  apply Rmult_le_compat; [nra|now apply Rmult_le_pos|assumption|]. now apply Rmult_le_compat_r.
Qed.

End Powers.
