(** Finite sums, vectors, inner product and Euclidean norm.

    A vector with n entries is a function from natural numbers to reals of which only the values at 0, ..., n - 1 are
    looked at: [dot n x y] is the sum of x_i y_i over i < n.  Everything later rests on these few facts alone. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
Open Scope R_scope.

Fixpoint sum (n : nat) (f : nat -> R) : R :=
  match n with O => 0 | S k => sum k f + f k end.

Lemma sum_ext n f g : (forall i, (i < n)%nat -> f i = g i) -> sum n f = sum n g.
Proof.
  induction n as [|n IH]; intros E; simpl; [reflexivity|].
  rewrite IH, E; auto with arith.
Qed.

Lemma sum_plus n f g : sum n (fun i => f i + g i) = sum n f + sum n g.
Proof. induction n as [|n IH]; simpl; [|rewrite IH]; lra. Qed.

Lemma sum_minus n f g : sum n (fun i => f i - g i) = sum n f - sum n g.
Proof. induction n as [|n IH]; simpl; [|rewrite IH]; lra. Qed.

Lemma sum_scal n c f : sum n (fun i => c * f i) = c * sum n f.
Proof. induction n as [|n IH]; simpl; [|rewrite IH]; lra. Qed.

Lemma sum_scal_r n c f : sum n (fun i => f i * c) = sum n f * c.
Proof. induction n as [|n IH]; simpl; [|rewrite IH]; lra. Qed.

Lemma sum_zero n : sum n (fun _ => 0) = 0.
Proof. induction n as [|n IH]; simpl; [|rewrite IH]; lra. Qed.

Lemma sum_const n c : sum n (fun _ => c) = INR n * c.
Proof. induction n as [|n IH]; [simpl; lra|]. rewrite S_INR. simpl. rewrite IH. lra. Qed.

Lemma sum_le n f g : (forall i, (i < n)%nat -> f i <= g i) -> sum n f <= sum n g.
Proof.
  induction n as [|n IH]; intros L; simpl; [lra|].
  assert (sum n f <= sum n g) by (apply IH; auto with arith).
  assert (f n <= g n) by auto with arith. lra.
Qed.

Lemma sum_nonneg n f : (forall i, (i < n)%nat -> 0 <= f i) -> 0 <= sum n f.
Proof. intros L. rewrite <- (sum_zero n). now apply sum_le. Qed.

Lemma sum_abs n f : Rabs (sum n f) <= sum n (fun i => Rabs (f i)).
Proof.
  induction n as [|n IH]; simpl; [rewrite Rabs_R0; lra|].
  eapply Rle_trans; [apply Rabs_triang|lra].
Qed.

Lemma sum_swap n m f : sum n (fun i => sum m (fun j => f i j)) = sum m (fun j => sum n (fun i => f i j)).
Proof.
  induction n as [|n IH]; simpl; [now rewrite sum_zero|].
  now rewrite IH, <- sum_plus.
Qed.

Lemma sum_first n f : sum (S n) f = f O + sum n (fun i => f (S i)).
Proof.
  induction n as [|n IH]; [simpl; lra|].
  change (sum (S (S n)) f) with (sum (S n) f + f (S n)). rewrite IH. simpl. lra.
Qed.

Lemma sum_term n f i : (forall j, (j < n)%nat -> 0 <= f j) -> (i < n)%nat -> f i <= sum n f.
Proof.
  induction n as [|n IH]; intros P L; [lia|]. simpl.
  assert (0 <= sum n f) by (apply sum_nonneg; auto with arith).
  assert (0 <= f n) by auto with arith.
  destruct (Nat.eq_dec i n) as [->|]; [lra|].
  assert (f i <= sum n f) by (apply IH; auto with arith; lia). lra.
Qed.

(** ** Vectors *)

Definition vec := nat -> R.
Definition vadd (x y : vec) : vec := fun i => x i + y i.
Definition vscal (c : R) (x : vec) : vec := fun i => c * x i.
Definition vsub (x y : vec) : vec := vadd x (vscal (-1) y).
Definition vzero : vec := fun _ => 0.

Definition dot (n : nat) (x y : vec) : R := sum n (fun i => x i * y i).
Definition norm (n : nat) (x : vec) : R := sqrt (dot n x x).

Lemma dot_ext n x x' y y' :
  (forall i, (i < n)%nat -> x i = x' i) -> (forall i, (i < n)%nat -> y i = y' i) -> dot n x y = dot n x' y'.
Proof. intros Hx Hy. apply sum_ext. intros i L. now rewrite Hx, Hy. Qed.

Lemma norm_ext n x y : (forall i, (i < n)%nat -> x i = y i) -> norm n x = norm n y.
Proof. intros E. unfold norm. now rewrite (dot_ext n x y x y). Qed.

Lemma dot_sym n x y : dot n x y = dot n y x.
Proof. apply sum_ext. intros. lra. Qed.

Lemma dot_add_l n x y z : dot n (vadd x y) z = dot n x z + dot n y z.
Proof. unfold dot, vadd. rewrite <- sum_plus. apply sum_ext. intros. lra. Qed.

Lemma dot_scal_l n c x z : dot n (vscal c x) z = c * dot n x z.
Proof. unfold dot, vscal. rewrite <- sum_scal. apply sum_ext. intros. lra. Qed.

Lemma dot_add_r n x y z : dot n z (vadd x y) = dot n z x + dot n z y.
Proof. now rewrite !(dot_sym n z), dot_add_l. Qed.

Lemma dot_scal_r n c x z : dot n z (vscal c x) = c * dot n z x.
Proof. now rewrite !(dot_sym n z), dot_scal_l. Qed.

Lemma dot_nonneg n x : 0 <= dot n x x.
Proof. apply sum_nonneg. intros. nra. Qed.

Lemma norm_nonneg n x : 0 <= norm n x.
Proof. apply sqrt_pos. Qed.

Lemma norm_sq n x : norm n x * norm n x = dot n x x.
Proof. apply sqrt_sqrt, dot_nonneg. Qed.

(** For numbers: a <= b follows from a^2 <= b^2 and b >= 0. *)
Lemma le_of_squares a b : 0 <= b -> a * a <= b * b -> a <= b.
Proof. intros. nra. Qed.

Lemma norm_le n x b : 0 <= b -> dot n x x <= b * b -> norm n x <= b.
Proof. intros Hb L. apply le_of_squares; [assumption|]. now rewrite norm_sq. Qed.

(** Cauchy-Schwarz. *)
Lemma cauchy_schwarz_sq n x y : dot n x y * dot n x y <= dot n x x * dot n y y.
Proof.
  pose proof (dot_nonneg n x) as Px. pose proof (dot_nonneg n y) as Py.
  assert (Q : forall t, 0 <= dot n x x + 2 * t * dot n x y + t * t * dot n y y).
  { intros t. pose proof (dot_nonneg n (vadd x (vscal t y))) as P.
    rewrite !dot_add_l, !dot_add_r, !dot_scal_l, !dot_scal_r, (dot_sym n y x) in P. lra. }
  destruct (Req_dec (dot n y y) 0) as [Z|Z].
  - rewrite Z in *. destruct (Req_dec (dot n x y) 0) as [W|W]; [rewrite W; lra|]. exfalso.
    pose proof (Q (- (dot n x x + 1) / (2 * dot n x y))) as P.
    replace (2 * (- (dot n x x + 1) / (2 * dot n x y)) * dot n x y) with (- (dot n x x + 1)) in P by (field; lra). lra.
  - pose proof (Q (- dot n x y / dot n y y)) as P.
    replace (dot n x x + 2 * (- dot n x y / dot n y y) * dot n x y
             + - dot n x y / dot n y y * (- dot n x y / dot n y y) * dot n y y)
      with (dot n x x - dot n x y * dot n x y / dot n y y) in P by (field; lra).
    assert (0 <= (dot n x x - dot n x y * dot n x y / dot n y y) * dot n y y) by (apply Rmult_le_pos; lra).
    replace ((dot n x x - dot n x y * dot n x y / dot n y y) * dot n y y)
      with (dot n x x * dot n y y - dot n x y * dot n x y) in H by (field; lra). lra.
Qed.

Lemma cauchy_schwarz n x y : Rabs (dot n x y) <= norm n x * norm n y.
Proof.
  apply le_of_squares; [apply Rmult_le_pos; apply norm_nonneg|].
  replace (norm n x * norm n y * (norm n x * norm n y)) with ((norm n x * norm n x) * (norm n y * norm n y)) by ring.
  rewrite !norm_sq, <- Rabs_mult, Rabs_pos_eq; [apply cauchy_schwarz_sq|nra].
Qed.

Lemma dot_le_norms n x y : dot n x y <= norm n x * norm n y.
Proof. eapply Rle_trans; [apply Rle_abs|apply cauchy_schwarz]. Qed.

Lemma norm_triangle n x y : norm n (vadd x y) <= norm n x + norm n y.
Proof.
  pose proof (norm_nonneg n x). pose proof (norm_nonneg n y).
  apply norm_le; [lra|].
  rewrite !dot_add_l, !dot_add_r, (dot_sym n y x), <- !norm_sq.
  pose proof (dot_le_norms n x y). lra.
Qed.

Lemma norm_scal n c x : norm n (vscal c x) = Rabs c * norm n x.
Proof.
  unfold norm. rewrite dot_scal_l, dot_scal_r, <- Rmult_assoc, sqrt_mult_alt by nra.
  f_equal. rewrite <- (sqrt_Rsqr_abs c). reflexivity.
Qed.

Lemma norm_le_pointwise n x y : (forall i, (i < n)%nat -> Rabs (x i) <= y i) -> norm n x <= norm n y.
Proof.
  intros L. apply norm_le; [apply norm_nonneg|]. rewrite norm_sq. apply sum_le. intros i Hi.
  specialize (L i Hi). assert (0 <= Rabs (x i)) by apply Rabs_pos.
  replace (x i * x i) with (Rabs (x i) * Rabs (x i)) by (rewrite <- Rabs_mult; apply Rabs_pos_eq; nra). nra.
Qed.

Lemma norm_abs n x : norm n (fun i => Rabs (x i)) = norm n x.
Proof.
  unfold norm. f_equal. apply sum_ext. intros. rewrite <- Rabs_mult. apply Rabs_pos_eq. nra.
Qed.

Lemma norm_zero n : norm n vzero = 0.
Proof.
  unfold norm, dot, vzero. rewrite (sum_ext n _ (fun _ => 0)) by (intros; lra).
  now rewrite sum_zero, sqrt_0.
Qed.

Lemma entry_le_norm n x i : (i < n)%nat -> Rabs (x i) <= norm n x.
Proof.
  intros L. apply le_of_squares; [apply norm_nonneg|]. rewrite norm_sq, <- Rabs_mult, Rabs_pos_eq by nra.
  apply (sum_term n (fun j => x j * x j)); [intros; nra|assumption].
Qed.
