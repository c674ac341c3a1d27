(** Responses of the linear model, and superposition: what an impulse does to the residual and its filter k steps later.

    The linear model of a matrix H with the filter's numbers p, l, beta has the state (x, q, v): the residual, the momentum
    of its filter, and the momentum of what is driven from outside,
      x(t+1) = x - H (q + p x) + v + p h + phi,   q(t+1) = beta q + l x,   v(t+1) = beta v + l h.
    A jump phi enters x at once; an error h of the mask goes through the filter first. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From NagNtk Require Import vectors matrices.
Open Scope R_scope.

Definition eye : mat := fun i j => if Nat.eqb i j then 1 else 0.
Definition madd (A B : mat) : mat := fun i j => A i j + B i j.
Definition mscal (c : R) (A : mat) : mat := fun i j => c * A i j.
Definition product (n : nat) (A B : mat) : mat := fun i j => sum n (fun k => A i k * B k j).
(** |A|, entry by entry. *)
Definition mabs (A : mat) : mat := fun i j => Rabs (A i j).

Lemma mul_eye n x i : (i < n)%nat -> mul n eye x i = x i.
Proof.
  intros L. unfold mul, eye.
  assert (G : forall k, sum k (fun j => (if Nat.eqb i j then 1 else 0) * x j) = if Nat.ltb i k then x i else 0).
  { induction k as [|k IH]; [reflexivity|]. simpl sum. rewrite IH.
    destruct (Nat.ltb_spec i k), (Nat.ltb_spec i (S k)), (Nat.eqb_spec i k); try lia; subst; ring. }
  rewrite G. destruct (Nat.ltb_spec i n); [reflexivity|lia].
Qed.

Lemma mul_madd n A B x i : mul n (madd A B) x i = mul n A x i + mul n B x i.
Proof. unfold mul, madd. rewrite <- sum_plus. apply sum_ext. intros. ring. Qed.

Lemma mul_mscal n c A x i : mul n (mscal c A) x i = c * mul n A x i.
Proof. unfold mul, mscal. rewrite <- sum_scal. apply sum_ext. intros. ring. Qed.

Lemma mul_product n A B x i : mul n (product n A B) x i = mul n A (mul n B x) i.
Proof.
  unfold mul, product. rewrite (sum_ext n _ (fun j => sum n (fun k => A i k * (B k j * x j)))).
  2: { intros j _. rewrite <- sum_scal_r. apply sum_ext. intros. ring. }
  rewrite sum_swap. apply sum_ext. intros k _. apply sum_scal.
Qed.

Lemma mul_abs n A x y i : (forall j, (j < n)%nat -> Rabs (x j) <= y j) -> Rabs (mul n A x i) <= mul n (mabs A) y i.
Proof.
  intros L. unfold mul, mabs. eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros j Hj.
  rewrite Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos|now apply L].
Qed.

Section Responses.
Variables (n : nat) (H : mat) (b p l : R).

(** What is looked at: how x, q and v of now enter. *)
Record view := View { of_x : mat; of_q : mat; of_v : mat }.
Definition seen (o : view) (x q v : vec) (i : nat) : R := mul n (of_x o) x i + mul n (of_q o) q i + mul n (of_v o) v i.

(** The residual, and S(t+1) - S(t). The sum of the latter over steps is the view of c = 1 below. *)
Definition residual_view : view := View eye (mscal 0 eye) (mscal 0 eye).
Definition rise_view : view := View (mscal p eye) eye (mscal 0 eye).
(** The same one step earlier, with c times S(t+1) - S(t) added. *)
Definition earlier (c : R) (o : view) : view :=
  View (madd (madd (mscal (c * p) eye) (of_x o)) (madd (mscal (- p) (product n (of_x o) H)) (mscal l (of_q o))))
       (madd (mscal c eye) (madd (mscal b (of_q o)) (mscal (-1) (product n (of_x o) H))))
       (madd (of_x o) (mscal b (of_v o))).
Fixpoint ahead (c : R) (o : view) (k : nat) : view := match k with O => o | S j => earlier c (ahead c o j) end.

(** What a jump and an error of the mask in the step from t to t + 1 have done k steps after t + 1. Of the residual's view:
    Y(k) and Y_W(k+1); of the view of S(t+1) - S(t): Delta R(k+1) and Delta R_W(k+2), or with c = 1 their sums. *)
Definition to_jump (c : R) (o : view) (k : nat) : mat := of_x (ahead c o k).
Definition to_mask (c : R) (o : view) (k : nat) : mat :=
  madd (mscal p (of_x (ahead c o k))) (mscal l (of_v (ahead c o k))).

Lemma seen_earlier c o x q v i : (i < n)%nat ->
  seen (earlier c o) x q v i
  = c * (q i + p * x i)
    + seen o (fun j => x j - mul n H (fun k => q k + p * x k) j + v j) (fun j => b * q j + l * x j) (fun j => b * v j) i.
Proof.
  intros Hi. unfold seen, earlier. cbn [of_x of_q of_v].
  repeat rewrite ?mul_madd, ?mul_mscal, ?mul_product. rewrite !(mul_eye n _ i Hi).
  assert (E1 : mul n (of_x o) (fun j => x j - mul n H (fun k => q k + p * x k) j + v j) i
    = mul n (of_x o) x i - (mul n (of_x o) (mul n H q) i + p * mul n (of_x o) (mul n H x) i) + mul n (of_x o) v i).
  { assert (F : (fun j => x j - mul n H (fun k => q k + p * x k) j + v j)
      = vadd (vadd x (vscal (-1) (vadd (mul n H q) (vscal p (mul n H x))))) v).
    { apply functional_extensionality. intros j. unfold vadd, vscal.
      replace (mul n H (fun k => q k + p * x k) j) with (mul n H q j + p * mul n H x j); [ring|].
      unfold mul. rewrite <- sum_scal, <- sum_plus. apply sum_ext. intros. ring. }
    rewrite F. repeat rewrite ?mul_add, ?mul_scal. unfold vadd, vscal. ring. }
  assert (E2 : mul n (of_q o) (fun j => b * q j + l * x j) i = b * mul n (of_q o) q i + l * mul n (of_q o) x i).
  { unfold mul. rewrite <- !sum_scal, <- sum_plus. apply sum_ext. intros. ring. }
  assert (E3 : mul n (of_v o) (fun j => b * v j) i = b * mul n (of_v o) v i).
  { unfold mul. rewrite <- sum_scal. apply sum_ext. intros. ring. }
  rewrite E1, E2, E3. ring.
Qed.

(** A run of the driven model. *)
Variables (x q v phi h : nat -> vec).
Hypothesis x_next : forall t i, (i < n)%nat ->
  x (S t) i = x t i - mul n H (fun j => q t j + p * x t j) i + (v t i + p * h t i) + phi t i.
Hypothesis q_next : forall t i, q (S t) i = b * q t i + l * x t i.
Hypothesis v_next : forall t i, v (S t) i = b * v t i + l * h t i.

(** Superposition: what is seen k steps after t is what the state of t leaves, plus the answers to what entered since,
    sum over s < k of to_jump(k-1-s) phi(t+s) + to_mask(k-1-s) h(t+s). *)
Theorem superposition (c : R) (o : view) (out : nat -> nat -> vec) :
  (forall t i, (i < n)%nat -> out t O i = seen o (x t) (q t) (v t) i) ->
  (forall t k i, (i < n)%nat -> out t (S k) i = c * (q t i + p * x t i) + out (S t) k i) ->
  forall k t i, (i < n)%nat -> out t k i
    = seen (ahead c o k) (x t) (q t) (v t) i
      + sum k (fun s => mul n (to_jump c o (k - S s)) (phi (t + s)%nat) i + mul n (to_mask c o (k - S s)) (h (t + s)%nat) i).
Proof.
  intros Now Later. induction k as [|k IH]; intros t i Hi; [simpl; rewrite (Now t i Hi); ring|].
  rewrite (Later t k i Hi), (IH (S t) i Hi), sum_first. simpl ahead. rewrite seen_earlier by assumption.
  replace (S k - 1)%nat with k by lia. rewrite Nat.add_0_r.
  rewrite (sum_ext k (fun s => mul n (to_jump c o (S k - S (S s))) (phi (t + S s)%nat) i + mul n (to_mask c o (S k - S (S s))) (h (t + S s)%nat) i)
    (fun s => mul n (to_jump c o (k - S s)) (phi (S t + s)%nat) i + mul n (to_mask c o (k - S s)) (h (S t + s)%nat) i)).
  2: { intros s _. now rewrite Nat.add_succ_r. }
  assert (E : seen (ahead c o k) (x (S t)) (q (S t)) (v (S t)) i
    = seen (ahead c o k) (fun j => x t j - mul n H (fun k0 => q t k0 + p * x t k0) j + v t j)
        (fun j => b * q t j + l * x t j) (fun j => b * v t j) i
      + (mul n (to_jump c o k) (phi t) i + mul n (to_mask c o k) (h t) i)).
  { unfold seen, to_jump, to_mask. rewrite mul_madd, !mul_mscal.
    rewrite (mul_ext n (of_x (ahead c o k)) (x (S t))
      (vadd (fun j => x t j - mul n H (fun k0 => q t k0 + p * x t k0) j + v t j) (vadd (vscal p (h t)) (phi t)))).
    2: { intros j Hj. rewrite (x_next t j Hj). unfold vadd, vscal. ring. }
    rewrite (mul_ext n (of_q (ahead c o k)) (q (S t)) (fun j => b * q t j + l * x t j)) by (intros; apply q_next).
    rewrite (mul_ext n (of_v (ahead c o k)) (v (S t)) (vadd (fun j => b * v t j) (vscal l (h t)))).
    2: { intros j _. rewrite v_next. unfold vadd, vscal. ring. }
    repeat rewrite ?mul_add, ?mul_scal. unfold vadd, vscal. ring. }
  rewrite E. ring.
Qed.

(** The linear model itself, from a residual x0 with the momentum q0. *)
Fixpoint model (x0 q0 : vec) (t : nat) : vec * vec :=
  match t with
  | O => (x0, q0)
  | S s => (fun i => fst (model x0 q0 s) i - mul n H (fun j => snd (model x0 q0 s) j + p * fst (model x0 q0 s) j) i,
            fun i => b * snd (model x0 q0 s) i + l * fst (model x0 q0 s) i)
  end.

(** Superposition as a bound: what is seen differs from what the state of t leaves by the sum of the bounds since. *)
Theorem superposition_bound (c : R) (o : view) (out : nat -> nat -> vec) (f e : nat -> vec) :
  (forall t i, (i < n)%nat -> out t O i = seen o (x t) (q t) (v t) i) ->
  (forall t k i, (i < n)%nat -> out t (S k) i = c * (q t i + p * x t i) + out (S t) k i) ->
  forall k t i, (i < n)%nat ->
  (forall s j, (s < k)%nat -> (j < n)%nat -> Rabs (phi (t + s)%nat j) <= f s j /\ Rabs (h (t + s)%nat j) <= e s j) ->
  Rabs (out t k i - seen (ahead c o k) (x t) (q t) (v t) i)
  <= sum k (fun s => mul n (mabs (to_jump c o (k - S s))) (f s) i + mul n (mabs (to_mask c o (k - S s))) (e s) i).
Proof.
  intros Now Later k t i Hi L. rewrite (superposition c o out Now Later k t i Hi).
  match goal with |- Rabs (?a + ?s - ?a) <= _ => replace (a + s - a) with s by ring end.
  eapply Rle_trans; [apply sum_abs|]. apply sum_le. intros s Hs. eapply Rle_trans; [apply Rabs_triang|].
  apply Rplus_le_compat; apply mul_abs; intros j Hj; now apply L.
Qed.
End Responses.

(** The residual of the linear model from x0 and q0 is what its view sees; with x0 = e_j and q0 = 0, column j of Y(t). *)
Theorem model_seen n H b p l x0 q0 t i : (i < n)%nat ->
  fst (model n H b p l x0 q0 t) i = seen n (ahead n H b p l 0 (residual_view) t) x0 q0 (fun _ => 0) i.
Proof.
  intros Hi. set (z := fun (_ : nat) (_ : nat) => 0).
  pose proof (superposition n H b p l (fun t => fst (model n H b p l x0 q0 t)) (fun t => snd (model n H b p l x0 q0 t)) z z z) as S.
  assert (Nothing : forall A k, mul n A (z k) i = 0).
  { intros A k. unfold mul, z. rewrite (sum_ext n _ (fun _ => 0)) by (intros; ring). apply sum_zero. }
  pose proof (S ltac:(intros; unfold z; simpl; ring) ltac:(reflexivity) ltac:(intros; unfold z; simpl; ring) 0 residual_view
    (fun u k => fst (model n H b p l x0 q0 (u + k)))) as G. clear S.
  assert (E : fst (model n H b p l x0 q0 (0 + t)) i
    = seen n (ahead n H b p l 0 residual_view t) x0 q0 (z O) i
      + sum t (fun s => mul n (to_jump n H b p l 0 residual_view (t - S s)) (z (0 + s)%nat) i
                        + mul n (to_mask n H b p l 0 residual_view (t - S s)) (z (0 + s)%nat) i)).
  { apply G; [| |assumption].
    - intros u j Hj. rewrite Nat.add_0_r. unfold seen, residual_view, z. cbn [of_x of_q of_v].
      rewrite !mul_mscal, !mul_eye by assumption. ring.
    - intros u k j Hj. rewrite Nat.add_succ_r. simpl Nat.add. ring. }
  simpl Nat.add in E. rewrite E, (sum_ext t _ (fun _ => 0)), sum_zero by (intros; rewrite !Nothing; ring).
  unfold z. ring.
Qed.
