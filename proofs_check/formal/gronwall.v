(** The perturbed recursion: variation of constants and the discrete Groenwall step, with the prefactor kept.

    V(t+1) = M V(t) + E(t), and |M^k v| <= C rho^k |v|.  If |E(t)| stays below epsilon C |V(0)| rho'^t, with
    C epsilon <= rho' - rho, then |V(t)| <= C rho'^t |V(0)|: the prefactor is the C of the linear model itself. *)

From Coq Require Import Reals Lra Lia.
From NagNtk Require Import vectors blocks.
Open Scope R_scope.

(** [carried rho e t] is the sum of rho^(t-1-s) e(s) over s < t. *)
Fixpoint carried (rho : R) (e : nat -> R) (t : nat) : R :=
  match t with O => 0 | S s => rho * carried rho e s + e s end.

Lemma carried_sum rho e t : carried rho e t = sum t (fun s => rho ^ (t - 1 - s) * e s).
Proof.
  induction t as [|t IH]; [reflexivity|].
  change (carried rho e (S t)) with (rho * carried rho e t + e t). rewrite IH, <- sum_scal. simpl sum.
  rewrite Nat.sub_0_r, Nat.sub_diag. simpl pow. rewrite Rmult_1_l. f_equal.
  apply sum_ext. intros s L. replace (t - s)%nat with (S (t - 1 - s)) by lia. simpl. ring.
Qed.

Lemma carried_le rho e f t : 0 <= rho -> (forall s, (s < t)%nat -> e s <= f s) -> carried rho e t <= carried rho f t.
Proof.
  intros P L. induction t as [|t IH]; simpl; [lra|].
  assert (carried rho e t <= carried rho f t) by (apply IH; auto with arith).
  assert (e t <= f t) by auto with arith. nra.
Qed.

Lemma carried_nonneg rho e t : 0 <= rho -> (forall s, (s < t)%nat -> 0 <= e s) -> 0 <= carried rho e t.
Proof.
  intros P L. induction t as [|t IH]; simpl; [lra|].
  assert (0 <= carried rho e t) by (apply IH; auto with arith). assert (0 <= e t) by auto with arith. nra.
Qed.

Lemma carried_scal rho c e t : carried rho (fun s => c * e s) t = c * carried rho e t.
Proof. induction t as [|t IH]; simpl; [lra|]. rewrite IH. ring. Qed.

(** A geometric sequence carried at another rate: rho^t + (r - rho) sum rho^(t-1-s) r^s = r^t. *)
Lemma carried_geometric rho r t : rho ^ t + (r - rho) * carried rho (fun s => r ^ s) t = r ^ t.
Proof. induction t as [|t IH]; simpl; [lra|]. nra. Qed.

(** At a slower rate b < r it stays below r^t/(r - b). *)
Lemma carried_geometric_le b r t : 0 <= b -> b < r -> carried b (fun s => r ^ s) t <= r ^ t / (r - b).
Proof.
  intros P L. apply (Rmult_le_reg_l (r - b)); [lra|].
  replace ((r - b) * (r ^ t / (r - b))) with (r ^ t) by (field; lra).
  pose proof (carried_geometric b r t). pose proof (pow_le b t P). lra.
Qed.

(** ** Variation of constants, for any linear map with bounded powers *)

Section Variation.
Variables (A : Type) (plus : A -> A -> A) (M : A -> A) (size : A -> R) (same : A -> A -> Prop).
Hypothesis M_plus : forall a b, M (plus a b) = plus (M a) (M b).
Hypothesis M_same : forall a b, same a b -> same (M a) (M b).
Hypothesis size_plus : forall a b, size (plus a b) <= size a + size b.
Hypothesis size_same : forall a b, same a b -> size a = size b.
Variables (C rho : R).
Hypothesis bounded : forall k a, size (power M k a) <= C * rho ^ k * size a.

Lemma power_plus k a b : power M k (plus a b) = plus (power M k a) (power M k b).
Proof. induction k as [|k IH]; simpl; [reflexivity|]. now rewrite IH. Qed.

Lemma power_same k a b : same a b -> same (power M k a) (power M k b).
Proof. intros E. induction k as [|k IH]; simpl; auto. Qed.

(** V(t+1) = M V(t) + E(t)  implies  |V(t)| <= C rho^t |V(0)| + sum over s < t of C rho^(t-1-s) |E(s)|. *)
Theorem variation (V E : nat -> A) (T : nat) :
  (forall t, (t < T)%nat -> same (V (S t)) (plus (M (V t)) (E t))) ->
  size (V T) <= C * rho ^ T * size (V O) + C * carried rho (fun s => size (E s)) T.
Proof.
  intros step.
  assert (G : forall t, (t <= T)%nat -> forall k,
    size (power M k (V t)) <= rho ^ k * (C * rho ^ t * size (V O) + C * carried rho (fun s => size (E s)) t)).
  { induction t as [|t IH]; intros L k.
    - simpl. pose proof (bounded k (V O)). lra.
    - rewrite (size_same _ _ (power_same k _ _ (step t ltac:(lia)))), power_plus.
      eapply Rle_trans; [apply size_plus|]. rewrite power_shift.
      pose proof (IH ltac:(lia) (S k)) as P. pose proof (bounded k (E t)) as Q. simpl in *. lra. }
  pose proof (G T (le_n T) O) as P. simpl in P. lra.
Qed.

End Variation.

(** ** Discrete Groenwall *)

Section Groenwall.
Variables (size : nat -> R) (e : nat -> R) (C rho rate epsilon : R).
Hypothesis C_one : 1 <= C.
Hypothesis rho_nonneg : 0 <= rho.
Hypothesis size_nonneg : 0 <= size O.
(** What variation of constants gives. *)
Hypothesis varied : forall T, size T <= C * rho ^ T * size O + C * carried rho e T.
(** The perturbation takes no more than the difference of the two rates. *)
Hypothesis small : C * epsilon <= rate - rho.

Lemma contracted_at T : (forall s, (s < T)%nat -> e s <= epsilon * (C * size O * rate ^ s)) -> 0 <= rate ->
  size T <= C * size O * rate ^ T.
Proof.
  intros L P. eapply Rle_trans; [apply varied|].
  assert (K : carried rho e T <= epsilon * (C * size O) * carried rho (fun s => rate ^ s) T).
  { rewrite <- carried_scal. apply carried_le; [assumption|]. intros s Hs. rewrite Rmult_assoc. now apply L. }
  pose proof (carried_geometric rho rate T) as G.
  assert (Q : 0 <= carried rho (fun s => rate ^ s) T) by (apply carried_nonneg; [assumption|]; intros; now apply pow_le).
  assert (C * carried rho e T <= C * (epsilon * (C * size O) * carried rho (fun s => rate ^ s) T))
    by (apply Rmult_le_compat_l; lra).
  assert (C * epsilon * (C * size O * carried rho (fun s => rate ^ s) T)
          <= (rate - rho) * (C * size O * carried rho (fun s => rate ^ s) T)).
  { apply Rmult_le_compat_r; [|assumption]. apply Rmult_le_pos; [|assumption]. apply Rmult_le_pos; lra. }
  rewrite <- G. lra.
Qed.

(** If at every time the perturbation is small as long as the contraction has held so far, it holds for ever. *)
Theorem contraction_while_small : 0 <= rate ->
  (forall T, (forall s, (s <= T)%nat -> size s <= C * size O * rate ^ s) -> e T <= epsilon * (C * size O * rate ^ T)) ->
  forall T, size T <= C * size O * rate ^ T.
Proof.
  intros P step T. induction T as [T IH] using lt_wf_ind.
  apply contracted_at; [|assumption]. intros s L. apply step. intros r Hr. apply IH. lia.
Qed.

End Groenwall.

(** Discrete Groenwall as the page of the contraction states it: if |e(t)| <= alpha |V(t)| at every t, then
      |V(t)| <= C (rho + C alpha)^t |V(0)|. *)
Theorem discrete_groenwall (size e : nat -> R) (C rho alpha : R) :
  1 <= C -> 0 <= rho -> 0 <= alpha -> 0 <= size O ->
  (forall T, size T <= C * rho ^ T * size O + C * carried rho e T) ->
  (forall t, e t <= alpha * size t) ->
  forall t, size t <= C * (rho + C * alpha) ^ t * size O.
Proof.
  intros HC Hr Ha H0 V B t.
  assert (K : size t <= C * size O * (rho + C * alpha) ^ t).
  { apply (contraction_while_small size e C rho (rho + C * alpha) alpha HC Hr H0 V); [lra|nra|].
    intros T L. eapply Rle_trans; [apply B|]. apply Rmult_le_compat_l; [assumption|]. now apply L. }
  lra.
Qed.
