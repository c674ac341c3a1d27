(** Symmetric matrices through their quadratic form.

    The theorem speaks of a symmetric H with spectrum in [lo, hi].  Here this is the statement
      lo |x|^2 <= <x, H x> <= hi |x|^2   for every vector x,
    which is what eigenvalues are used for and what the concentration of the Gram matrix delivers.  No eigenvector,
    no diagonalisation and no spectral theorem is assumed or needed: all that the momentum argument asks of H is that
    certain polynomials of H, non-negative on [lo, hi], have non-negative quadratic forms, and for these it follows by
    Cauchy-Schwarz. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From NagNtk Require Import vectors.
Open Scope R_scope.

Definition mat := nat -> nat -> R.

(** [mul n H x] is the product H x of an n x n matrix and a vector. *)
Definition mul (n : nat) (H : mat) (x : vec) : vec := fun i => sum n (fun j => H i j * x j).

Definition symmetric (n : nat) (H : mat) : Prop := forall i j, (i < n)%nat -> (j < n)%nat -> H i j = H j i.

(** All eigenvalues of a symmetric H lie in [lo, hi]. *)
Definition spectrum_within (n : nat) (H : mat) (lo hi : R) : Prop :=
  symmetric n H /\ forall x, lo * dot n x x <= dot n x (mul n H x) <= hi * dot n x x.

(** The spectral norm of H is at most b. *)
Definition opnorm_le (n : nat) (H : mat) (b : R) : Prop := 0 <= b /\ forall x, norm n (mul n H x) <= b * norm n x.

Lemma mul_add n H x y : mul n H (vadd x y) = vadd (mul n H x) (mul n H y).
Proof.
  apply functional_extensionality. intros i. unfold mul, vadd. rewrite <- sum_plus.
  apply sum_ext. intros. lra.
Qed.

Lemma mul_scal n H c x : mul n H (vscal c x) = vscal c (mul n H x).
Proof.
  apply functional_extensionality. intros i. unfold mul, vscal. rewrite <- sum_scal.
  apply sum_ext. intros. lra.
Qed.

Lemma mul_ext n H x y : (forall j, (j < n)%nat -> x j = y j) -> mul n H x = mul n H y.
Proof. intros E. apply functional_extensionality. intros i. apply sum_ext. intros j L. now rewrite E. Qed.

Lemma dot_mul_sym n H x y : symmetric n H -> dot n (mul n H x) y = dot n x (mul n H y).
Proof.
  intros S. unfold dot, mul.
  rewrite (sum_ext n _ (fun i => sum n (fun j => H i j * x j * y i))).
  2: { intros i Hi. rewrite <- sum_scal_r. reflexivity. }
  rewrite sum_swap. apply sum_ext. intros j Hj. rewrite <- sum_scal. apply sum_ext. intros i Hi.
  rewrite (S i j Hi Hj). ring.
Qed.

(** ** A positive semidefinite form *)

Section Semidefinite.
Variables (n : nat) (P : vec -> vec).
Hypothesis P_add : forall x y, P (vadd x y) = vadd (P x) (P y).
Hypothesis P_scal : forall c x, P (vscal c x) = vscal c (P x).
Hypothesis P_sym : forall x y, dot n (P x) y = dot n x (P y).
Hypothesis P_pos : forall x, 0 <= dot n x (P x).

(** If moreover <x, P x> <= L |x|^2, then |P x|^2 <= L <x, P x>: the form of P (L - P) is non-negative. *)
Lemma square_below (L : R) : (forall x, dot n x (P x) <= L * dot n x x) ->
  forall x, dot n (P x) (P x) <= L * dot n x (P x).
Proof.
  intros B x.
  set (p := dot n (P x) (P x)). set (q := dot n x (P x)).
  assert (Hp : 0 <= p) by apply dot_nonneg.
  assert (Hq : 0 <= q) by apply P_pos.
  (* Cauchy-Schwarz for the form itself, at x and P x *)
  assert (Q : forall t, 0 <= q + 2 * t * p + t * t * dot n (P x) (P (P x))).
  { intros t. pose proof (P_pos (vadd x (vscal t (P x)))) as H.
    rewrite P_add, P_scal, !dot_add_l, !dot_add_r, !dot_scal_l, !dot_scal_r in H.
    rewrite <- (P_sym x (P x)) in H. fold p q in H. lra. }
  pose proof (B (P x)) as Bx. fold p in Bx.
  assert (Q' : forall t, 0 <= q + 2 * t * p + t * t * (L * p)) by (intros t; pose proof (Q t); nra).
  destruct (Req_dec p 0) as [Z|Z].
  - rewrite Z. pose proof (B x) as Bxx. fold q in Bxx. pose proof (dot_nonneg n x).
    destruct (Rle_dec 0 L); [nra|]. assert (q = 0) by nra. nra.
  - assert (0 < p) by lra. pose proof (P_pos (P x)). assert (0 <= L) by nra.
    destruct (Req_dec L 0) as [Z'|Z'].
    + exfalso. pose proof (Q' (- (q + 1) / (2 * p))) as H'. rewrite Z' in H'.
      replace (q + 2 * (- (q + 1) / (2 * p)) * p + - (q + 1) / (2 * p) * (- (q + 1) / (2 * p)) * (0 * p))
        with (-1) in H' by (field; lra). lra.
    + pose proof (Q' (- / L)) as H'.
      replace (q + 2 * - / L * p + - / L * - / L * (L * p)) with (q - p / L) in H' by (field; lra).
      assert (p / L * L = p) by (field; lra). nra.
Qed.

End Semidefinite.

(** ** Polynomials of H that are non-negative on [lo, hi] *)

Section Spectrum.
Variables (n : nat) (H : mat) (lo hi : R).
Hypothesis within : spectrum_within n H lo hi.

(** H - lo and hi - H, as maps of vectors. *)
Definition above (x : vec) : vec := vadd (mul n H x) (vscal (- lo) x).
Definition below (x : vec) : vec := vadd (vscal hi x) (vscal (-1) (mul n H x)).

Let sym x y : dot n (mul n H x) y = dot n x (mul n H y).
Proof. apply dot_mul_sym, within. Qed.

(** <(H - lo) x, (hi - H) x> >= 0: the square of H lies below the chord of its spectrum. *)
Lemma chord x : 0 <= dot n (above x) (below x).
Proof.
  destruct within as [S B].
  assert (K : dot n (above x) (above x) <= (hi - lo) * dot n x (above x)).
  { apply square_below.
    - intros u v. apply functional_extensionality. intros i. unfold above. rewrite mul_add. unfold vadd, vscal. ring.
    - intros c u. apply functional_extensionality. intros i. unfold above. rewrite mul_scal. unfold vadd, vscal. ring.
    - intros u v. unfold above. rewrite !dot_add_l, !dot_add_r, !dot_scal_l, !dot_scal_r, sym. ring.
    - intros u. unfold above. rewrite dot_add_r, dot_scal_r. pose proof (B u). lra.
    - intros u. unfold above. rewrite dot_add_r, dot_scal_r. pose proof (B u). lra. }
  unfold above, below in *.
  rewrite !dot_add_l, !dot_add_r, !dot_scal_l, !dot_scal_r, ?sym in *. lra.
Qed.

(** The same chord, written with the moments <x, x>, <x, H x>, <H x, H x>. *)
Lemma chord_moments x :
  dot n (mul n H x) (mul n H x) <= (lo + hi) * dot n x (mul n H x) - lo * hi * dot n x x.
Proof.
  pose proof (chord x) as C. unfold above, below in C.
  rewrite !dot_add_l, !dot_add_r, !dot_scal_l, !dot_scal_r, (dot_sym n (mul n H x) x) in C. lra.
Qed.

(** A quadratic polynomial p0 + p1 z + p2 z^2, concave and at least g at lo and at hi, is at least g in the
    sense of quadratic forms. *)
Lemma concave_form p0 p1 p2 g x :
  lo <= hi -> p2 <= 0 -> g <= p0 + p1 * lo + p2 * lo * lo -> g <= p0 + p1 * hi + p2 * hi * hi ->
  g * dot n x x <= p0 * dot n x x + p1 * dot n x (mul n H x) + p2 * dot n (mul n H x) (mul n H x).
Proof.
  intros L C G1 G2. destruct within as [_ B].
  pose proof (chord_moments x) as K. pose proof (B x) as Bx. pose proof (dot_nonneg n x) as N.
  set (s0 := dot n x x) in *. set (s1 := dot n x (mul n H x)) in *. set (s2 := dot n (mul n H x) (mul n H x)) in *.
  assert (p2 * ((lo + hi) * s1 - lo * hi * s0) <= p2 * s2) by nra.
  (* what is left is affine in s1 between its ends lo s0 and hi s0 *)
  destruct (Req_dec lo hi) as [E|E].
  - subst hi. assert (s1 = lo * s0) by lra. nra.
  - assert ((hi - lo) * (p0 * s0 + p1 * s1 + p2 * ((lo + hi) * s1 - lo * hi * s0) - g * s0)
            = (hi * s0 - s1) * (p0 + p1 * lo + p2 * lo * lo - g) + (s1 - lo * s0) * (p0 + p1 * hi + p2 * hi * hi - g))
      by ring.
    assert (0 <= (hi * s0 - s1) * (p0 + p1 * lo + p2 * lo * lo - g)) by (apply Rmult_le_pos; lra).
    assert (0 <= (s1 - lo * s0) * (p0 + p1 * hi + p2 * hi * hi - g)) by (apply Rmult_le_pos; lra).
    assert (0 <= p0 * s0 + p1 * s1 + p2 * ((lo + hi) * s1 - lo * hi * s0) - g * s0) by nra. lra.
Qed.

(** The same for (z - lo) (p0 + p1 z + p2 z^2), where the quadratic is concave and non-negative at both ends. *)
Lemma concave_form_weighted p0 p1 p2 x :
  lo <= hi -> p2 <= 0 -> 0 <= p0 + p1 * lo + p2 * lo * lo -> 0 <= p0 + p1 * hi + p2 * hi * hi ->
  0 <= p0 * dot n x (above x) + p1 * dot n (mul n H x) (above x) + p2 * dot n (mul n H x) (mul n H (above x)).
Proof.
  intros L C G1 G2. destruct within as [_ B].
  (* with P = H - lo: x P x >= 0, |P x|^2 <= (hi - lo) x P x, and P x (hi - H) P x >= 0 *)
  pose proof (chord x) as K. pose proof (B x) as Bx. pose proof (B (above x)) as Bp.
  pose proof (dot_nonneg n (above x)) as N. pose proof (dot_nonneg n x) as Nx.
  assert (E1 : dot n (mul n H x) (above x) = dot n (above x) (above x) + lo * dot n x (above x)).
  { assert (X : mul n H x = vadd (above x) (vscal lo x)).
    { apply functional_extensionality. intros i. unfold above, vadd, vscal. ring. }
    rewrite X at 1. rewrite dot_add_l, dot_scal_l. reflexivity. }
  assert (E2 : dot n (mul n H x) (mul n H (above x))
               = dot n (above x) (mul n H (above x)) + lo * dot n (mul n H x) (above x)).
  { rewrite (dot_sym n (mul n H x) (mul n H (above x))), (sym (above x)).
    assert (X : mul n H (mul n H x) = vadd (mul n H (above x)) (vscal lo (mul n H x))).
    { unfold above. rewrite mul_add, mul_scal. apply functional_extensionality. intros i. unfold vadd, vscal. ring. }
    rewrite X, dot_add_r, dot_scal_r, (dot_sym n (above x) (mul n H x)). reflexivity. }
  rewrite E2, E1.
  assert (T0 : 0 <= dot n x (above x)). { unfold above. rewrite dot_add_r, dot_scal_r. lra. }
  assert (T1 : dot n (above x) (above x) <= (hi - lo) * dot n x (above x)).
  { assert (Y : dot n (above x) (below x) = (hi - lo) * dot n x (above x) - dot n (above x) (above x)).
    { assert (X : below x = vadd (vscal (hi - lo) x) (vscal (-1) (above x))).
      { apply functional_extensionality. intros i. unfold above, below, vadd, vscal. ring. }
      rewrite X, dot_add_r, !dot_scal_r, (dot_sym n (above x) x). lra. }
    lra. }
  set (s0 := dot n x (above x)) in *. set (s1 := dot n (above x) (above x)) in *.
  set (s2 := dot n (above x) (mul n H (above x))) in *. clearbody s0 s1 s2.
  assert (T2 : s2 <= hi * s1) by lra.
  assert (p2 * (hi * s1) <= p2 * s2) by nra.
  destruct (Req_dec lo hi) as [E|E].
  - assert (Z : (hi - lo) * s0 = 0) by (rewrite E; ring). assert (Z1 : s1 = 0) by lra.
    rewrite Z1 in *. assert (Z2 : s2 = 0) by lra. rewrite Z2.
    replace (p0 * s0 + p1 * (0 + lo * s0) + p2 * (0 + lo * (0 + lo * s0))) with ((p0 + p1 * lo + p2 * lo * lo) * s0)
      by ring. apply Rmult_le_pos; lra.
  - assert ((hi - lo) * (p0 * s0 + p1 * (s1 + lo * s0) + p2 * (hi * s1 + lo * (s1 + lo * s0)))
            = ((hi - lo) * s0 - s1) * (p0 + p1 * lo + p2 * lo * lo) + s1 * (p0 + p1 * hi + p2 * hi * hi)) by ring.
    assert (0 <= ((hi - lo) * s0 - s1) * (p0 + p1 * lo + p2 * lo * lo)) by (apply Rmult_le_pos; lra).
    assert (0 <= s1 * (p0 + p1 * hi + p2 * hi * hi)) by (apply Rmult_le_pos; lra).
    assert (0 <= p0 * s0 + p1 * (s1 + lo * s0) + p2 * (hi * s1 + lo * (s1 + lo * s0))) by nra.
    nra.
Qed.

End Spectrum.
