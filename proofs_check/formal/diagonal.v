(** From blocks to the matrix where blocks of both kinds meet: by diagonalisation, taken as a hypothesis.

    companion.v needs no eigenvectors, but complex pairs throughout.  With overdamped and underdamped eigenvalues together
    (realpairs.v), the bound of the matrix is the largest of the bounds of its blocks; this uses an orthonormal basis of
    eigenvectors, which every symmetric matrix has.  That this basis exists is assumed here, not proved. *)

From Coq Require Import Reals Lra Lia.
From NagNtk Require Import vectors matrices blocks companion.
Open Scope R_scope.

(** e_0, ..., e_(n-1) are eigenvectors of H with eigenvalues h_j, and orthonormal: |x|^2 is the sum of <x, e_j>^2. *)
Definition diagonalises (n : nat) (H : mat) (e : nat -> vec) (h : nat -> R) : Prop :=
  (forall j, (j < n)%nat -> forall i, (i < n)%nat -> mul n H (e j) i = h j * e j i)
  /\ (forall x, dot n x x = sum n (fun j => dot n x (e j) * dot n x (e j))).

Section Diagonal.
Variables (n : nat) (p : method) (H : mat) (e : nat -> vec) (h : nat -> R).
Hypothesis sym : symmetric n H.
Hypothesis diagonal : diagonalises n H e h.

(** The coordinates of V at the j-th eigenvector. *)
Definition coordinate (j : nat) (v : state) : pair := (dot n (fst v) (e j), dot n (snd v) (e j)).

Lemma eigen_dot x j : (j < n)%nat -> dot n (mul n H x) (e j) = h j * dot n x (e j).
Proof.
  intros L. rewrite (dot_mul_sym n H x (e j) sym), <- dot_scal_r. apply dot_ext; [reflexivity|].
  intros i Hi. unfold vscal. now apply (proj1 diagonal).
Qed.

(** In these coordinates M acts by its blocks. *)
Lemma coordinate_power j k v : (j < n)%nat ->
  coordinate j (power (companion n p H) k v) = power (block (trace p (h j)) (det p (h j))) k (coordinate j v).
Proof.
  intros L. induction k as [|k IH]; simpl; [reflexivity|]. rewrite <- IH.
  unfold coordinate, companion, block, trace, det. simpl.
  rewrite !dot_add_l, !dot_scal_l, !(eigen_dot _ j L). f_equal. ring.
Qed.

Lemma dot2_coordinates v : dot2 n v = sum n (fun j => sqnorm (coordinate j v)).
Proof. unfold dot2. rewrite !(proj2 diagonal), <- sum_plus. reflexivity. Qed.

(** A bound that holds for the powers of every block holds for the powers of the matrix. *)
Theorem blocks_to_matrix C rho : 0 <= C -> 0 <= rho ->
  (forall j, (j < n)%nat -> forall k w,
     pnorm (power (block (trace p (h j)) (det p (h j))) k w) <= C * rho ^ k * pnorm w) ->
  powers_bounded n p H C rho.
Proof.
  intros HC Hr B k v. pose proof (pow_le rho k Hr) as Pr.
  apply le_of_squares; [repeat apply Rmult_le_pos; try assumption; apply norm2_nonneg|].
  replace (C * rho ^ k * norm2 n v * (C * rho ^ k * norm2 n v))
    with ((C * rho ^ k) * (C * rho ^ k) * (norm2 n v * norm2 n v)) by ring.
  rewrite !norm2_sq, !dot2_coordinates, <- sum_scal. apply sum_le. intros j L.
  rewrite (coordinate_power j k v L), <- !pnorm_sq.
  pose proof (B j L k (coordinate j v)) as K. pose proof (pnorm_nonneg (coordinate j v)).
  pose proof (pnorm_nonneg (power (block (trace p (h j)) (det p (h j))) k (coordinate j v))).
  replace (C * rho ^ k * (C * rho ^ k) * (pnorm (coordinate j v) * pnorm (coordinate j v)))
    with ((C * rho ^ k * pnorm (coordinate j v)) * (C * rho ^ k * pnorm (coordinate j v))) by ring.
  now apply Rmult_le_compat.
Qed.
End Diagonal.
