(** The filter of a method: what a sequence of gradients moves, from the start of training on.

    p = eta (1+gamma),  l = eta (beta (1+gamma) - gamma).  The filter of g has S(0) = 0, a first momentum q(0), and
      S(t+1) = S(t) + q(t) + p g(t),   q(t+1) = beta q(t) + l g(t).
    A neuron's path is the filter of its masked residuals, for both starts. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion network.
Open Scope R_scope.

Definition push_now (p : method) : R := eta p * (1 + gamma p).
Definition push_later (p : method) : R := eta p * (beta p * (1 + gamma p) - gamma p).

(** (S(t), q(t)), for the numbers b = beta, p, l and the first momentum q0. *)
Fixpoint filter (b p l q0 : R) (g : nat -> R) (t : nat) : R * R :=
  match t with
  | O => (0, q0)
  | S s => (fst (filter b p l q0 g s) + snd (filter b p l q0 g s) + p * g s, b * snd (filter b p l q0 g s) + l * g s)
  end.

(** S(t+1) - S(t) *)
Definition rise (b p l q0 : R) (g : nat -> R) (t : nat) : R := snd (filter b p l q0 g t) + p * g t.

Section Filters.
Variables b p l : R.

Lemma filter_next q0 g t : fst (filter b p l q0 g (S t)) = fst (filter b p l q0 g t) + rise b p l q0 g t.
Proof. unfold rise. simpl. ring. Qed.

(** Only the values before t matter. *)
Lemma filter_ext q0 g g' t : (forall s, (s < t)%nat -> g s = g' s) -> filter b p l q0 g t = filter b p l q0 g' t.
Proof. induction t as [|t IH]; intros E; simpl; [reflexivity|]. rewrite IH, E; auto with arith. Qed.

(** Filters are linear. *)
Lemma filter_minus q0 q1 g g' t :
  filter b p l (q0 - q1) (fun s => g s - g' s) t
  = (fst (filter b p l q0 g t) - fst (filter b p l q1 g' t), snd (filter b p l q0 g t) - snd (filter b p l q1 g' t)).
Proof. induction t as [|t IH]; simpl; [f_equal; ring|]. rewrite IH. simpl. f_equal; ring. Qed.

Lemma filter_scal c q0 g t :
  filter b p l (c * q0) (fun s => c * g s) t = (c * fst (filter b p l q0 g t), c * snd (filter b p l q0 g t)).
Proof. induction t as [|t IH]; simpl; [f_equal; ring|]. rewrite IH. simpl. f_equal; ring. Qed.

Lemma filter_sum k (q0 : nat -> R) (g : nat -> nat -> R) t :
  filter b p l (sum k q0) (fun s => sum k (fun j => g j s)) t
  = (sum k (fun j => fst (filter b p l (q0 j) (g j) t)), sum k (fun j => snd (filter b p l (q0 j) (g j) t))).
Proof.
  induction t as [|t IH].
  - simpl. f_equal. induction k as [|k IHk]; simpl; [reflexivity|]. rewrite <- IHk. ring.
  - simpl. rewrite IH. simpl. rewrite <- !sum_scal, <- !sum_plus. f_equal.
Qed.

(** The momentum of a step is the filter's own memory: rise(t+1) = beta rise(t) + p g(t+1) - (beta p - l) g(t). *)
Lemma rise_next q0 g t : rise b p l q0 g (S t) = b * rise b p l q0 g t + p * g (S t) - (b * p - l) * g t.
Proof. unfold rise. simpl. ring. Qed.

(** A filter is bounded by the filter of bounds, with |l| for l. *)
Lemma filter_bound q0 q1 g x t : 0 <= b -> 0 <= p -> Rabs q0 <= q1 -> (forall s, (s < t)%nat -> Rabs (g s) <= x s) ->
  Rabs (fst (filter b p l q0 g t)) <= fst (filter b p (Rabs l) q1 x t)
  /\ Rabs (snd (filter b p l q0 g t)) <= snd (filter b p (Rabs l) q1 x t).
Proof.
  intros Hb Hp H0. induction t as [|t IH]; intros L; simpl; [rewrite Rabs_R0; lra|].
  destruct IH as [A B]; [auto with arith|]. specialize (L t (Nat.lt_succ_diag_r t)). split.
  - eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat.
    + eapply Rle_trans; [apply Rabs_triang|]. lra.
    + rewrite Rabs_mult, (Rabs_pos_eq p) by assumption. now apply Rmult_le_compat_l.
  - eapply Rle_trans; [apply Rabs_triang|]. rewrite !Rabs_mult, (Rabs_pos_eq b) by assumption.
    apply Rplus_le_compat; apply Rmult_le_compat_l; try assumption. apply Rabs_pos.
Qed.

Lemma rise_bound q0 q1 g x t : 0 <= b -> 0 <= p -> Rabs q0 <= q1 -> (forall s, (s <= t)%nat -> Rabs (g s) <= x s) ->
  Rabs (rise b p l q0 g t) <= rise b p (Rabs l) q1 x t.
Proof.
  intros Hb Hp H0 L. unfold rise. eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat.
  - apply (filter_bound q0 q1 g x t Hb Hp H0). intros s Hs. apply L. lia.
  - rewrite Rabs_mult, (Rabs_pos_eq p) by assumption. apply Rmult_le_compat_l; [assumption|]. apply L. lia.
Qed.

Lemma filter_nonneg q0 g t : 0 <= b -> 0 <= p -> 0 <= l -> 0 <= q0 -> (forall s, (s < t)%nat -> 0 <= g s) ->
  0 <= fst (filter b p l q0 g t) /\ 0 <= snd (filter b p l q0 g t).
Proof.
  intros Hb Hp Hl H0. induction t as [|t IH]; intros L; simpl; [lra|].
  destruct IH as [A B]; [auto with arith|]. specialize (L t (Nat.lt_succ_diag_r t)).
  pose proof (Rmult_le_pos _ _ Hb B). pose proof (Rmult_le_pos _ _ Hp L). pose proof (Rmult_le_pos _ _ Hl L). lra.
Qed.

(** g(k) = 1 + beta + ... + beta^(k-1) *)
Fixpoint geometric (k : nat) : R := match k with O => 0 | S j => geometric j + b ^ j end.

(** The filter of a sequence that is 0 before tau, through that of the whole one:  M(t) - M(tau) - g(t - tau) Q(tau). *)
Theorem filter_from q0 x tau k :
  fst (filter b p l 0 (fun s => if Nat.leb tau s then x s else 0) (tau + k))
  = fst (filter b p l q0 x (tau + k)) - fst (filter b p l q0 x tau) - geometric k * snd (filter b p l q0 x tau).
Proof.
  set (g := fun s => if Nat.leb tau s then x s else 0).
  assert (Z : filter b p l 0 g tau = (0, 0)).
  { assert (G : forall t, (t <= tau)%nat -> filter b p l 0 g t = (0, 0)).
    { induction t as [|t IH]; intros L; simpl; [reflexivity|]. rewrite IH by lia. unfold g.
      destruct (Nat.leb_spec tau t); [lia|]. simpl. f_equal; ring. }
    now apply G. }
  assert (G : fst (filter b p l 0 g (tau + k))
      = fst (filter b p l q0 x (tau + k)) - fst (filter b p l q0 x tau) - geometric k * snd (filter b p l q0 x tau)
    /\ snd (filter b p l 0 g (tau + k)) = snd (filter b p l q0 x (tau + k)) - b ^ k * snd (filter b p l q0 x tau)).
  { induction k as [|k [A B]].
    - rewrite Nat.add_0_r, Z. simpl. split; ring.
    - rewrite Nat.add_succ_r. simpl filter. cbn [fst snd]. rewrite A, B.
      assert (E : g (tau + k)%nat = x (tau + k)%nat) by (unfold g; destruct (Nat.leb_spec tau (tau + k)); [reflexivity|lia]).
      rewrite E. simpl. split; ring. }
  apply G.
Qed.
End Filters.

(** ** Training, for both starts *)

(** Training from a first step w(1) = w(0) - (p - push) grad L(w(0)): push = eta gamma is the gradient start (the
    gradient before the first step is that of w(0)), push = 0 the extrapolated one (it is 0). *)
Definition trained_from (net : network) (p : method) (push : R) (W : nat -> weights) : Prop :=
  (forall r, (r < width net)%nat -> forall k, (k < dimension net)%nat ->
    W 1%nat r k = W O r k - (push_now p - push) * gradient net (W O) r k)
  /\ (forall t r, (r < width net)%nat -> forall k, (k < dimension net)%nat ->
    W (S (S t)) r k = W (S t) r k + beta p * (W (S t) r k - W t r k)
      - eta p * (1 + gamma p) * gradient net (W (S t)) r k + eta p * gamma p * gradient net (W t) r k).

(** The training of all other files is the gradient start. *)
Theorem gradient_start net p W : trained net p W <-> trained_from net p (eta p * gamma p) W.
Proof.
  unfold trained, trained_from, push_now. split.
  - intros T. split; [|intros t r Hr k Hk; exact (T (S t) r Hr k Hk)].
    intros r Hr k Hk. rewrite (T O r Hr k Hk). simpl pred. ring.
  - intros [T0 T1] [|t] r Hr k Hk; [|exact (T1 t r Hr k Hk)]. rewrite (T0 r Hr k Hk). simpl pred. ring.
Qed.

Section Paths.
Variable net : network.
Hypothesis ok : proper net.
Variables (p : method) (push : R) (W : nat -> weights).
Hypothesis train : trained_from net p push W.
Let n := samples net.
Let m := width net.
Let d := dimension net.
Let xi (t : nat) : vec := residual net (W t).
Let root := / sqrt (INR m).
Let b := beta p.
Let a := push_now p.
Let l := push_later p.

(** A_rj(t) xi_j(t), and q(0) = - push A_rj(0) xi_j(0). *)
Definition masked (r j t : nat) : R := pattern net (W t) r j * xi t j.
Definition rise_of (r j t : nat) : R := rise b a l (- push * masked r j 0) (masked r j) t.
Definition path_of (r j t : nat) : R := fst (filter b a l (- push * masked r j 0) (masked r j) t).

Let grad_dot t r i : dot d (gradient net (W t) r) (input net i)
  = root * sign net r * sum n (fun j => kernel net i j * masked r j t).
Proof. unfold d. rewrite gradient_dot. reflexivity. Qed.

(** z_ri(t+1) - z_ri(t) = - m^(-1/2) a_r sum over j of K_ij (c_rj(t+1) - c_rj(t)) *)
Lemma pre_rise t r i : (r < m)%nat ->
  pre net (W (S t)) r i - pre net (W t) r i = - (root * sign net r * sum n (fun j => kernel net i j * rise_of r j t)).
Proof.
  intros Hr. destruct train as [T0 T1]. induction t as [|t IH].
  - assert (E : pre net (W 1%nat) r i = pre net (W O) r i - (a - push) * dot d (gradient net (W O) r) (input net i)).
    { unfold pre. fold d.
      rewrite (dot_ext d (W 1%nat r) (vadd (W O r) (vscal (- (a - push)) (gradient net (W O) r))) (input net i) (input net i)).
      - rewrite dot_add_l, dot_scal_l. ring.
      - intros k Hk. rewrite (T0 r Hr k Hk). unfold vadd, vscal. fold a. ring.
      - reflexivity. }
    rewrite E, grad_dot. unfold rise_of, rise. simpl filter. cbn [snd].
    rewrite (sum_ext n (fun j => kernel net i j * (- push * masked r j 0 + a * masked r j 0))
      (fun j => (a - push) * (kernel net i j * masked r j 0))) by (intros; ring).
    rewrite sum_scal. ring.
  - assert (E : pre net (W (S (S t))) r i = pre net (W (S t)) r i + b * (pre net (W (S t)) r i - pre net (W t) r i)
      - a * dot d (gradient net (W (S t)) r) (input net i) + (b * a - l) * dot d (gradient net (W t) r) (input net i)).
    { unfold pre. fold d.
      rewrite (dot_ext d (W (S (S t)) r) (vadd (vadd (W (S t) r) (vscal b (vsub (W (S t) r) (W t r))))
        (vadd (vscal (- a) (gradient net (W (S t)) r)) (vscal (b * a - l) (gradient net (W t) r)))) (input net i) (input net i)).
      - unfold vsub. rewrite !dot_add_l, !dot_scal_l, !dot_add_l, !dot_scal_l. ring.
      - intros k Hk. rewrite (T1 t r Hr k Hk). unfold vsub, vadd, vscal, a, b, l, push_now, push_later. ring.
      - reflexivity. }
    rewrite E, IH, !grad_dot.
    rewrite (sum_ext n (fun j => kernel net i j * rise_of r j (S t))
      (fun j => b * (kernel net i j * rise_of r j t)
        + (a * (kernel net i j * masked r j (S t)) + - (b * a - l) * (kernel net i j * masked r j t)))).
    2: { intros j _. unfold rise_of. rewrite rise_next. ring. }
    rewrite !sum_plus, !sum_scal. ring.
Qed.

(** The path of a neuron: z_ri(t) = z_ri(0) - m^(-1/2) a_r sum over j of K_ij c_rj(t), c_rj the filter of A_rj(t) xi_j(t). *)
Theorem neuron_path t r i : (r < m)%nat ->
  pre net (W t) r i = pre net (W O) r i - root * sign net r * sum n (fun j => kernel net i j * path_of r j t).
Proof.
  intros Hr. induction t as [|t IH].
  - unfold path_of. simpl. rewrite (sum_ext n _ (fun _ => 0)) by (intros; ring). rewrite sum_zero. ring.
  - pose proof (pre_rise t r i Hr) as E.
    replace (pre net (W (S t)) r i) with (pre net (W t) r i + (pre net (W (S t)) r i - pre net (W t) r i)) by ring.
    rewrite E, IH.
    rewrite (sum_ext n (fun j => kernel net i j * path_of r j (S t))
      (fun j => kernel net i j * path_of r j t + kernel net i j * rise_of r j t)).
    2: { intros j _. unfold path_of. rewrite filter_next. unfold rise_of. ring. }
    rewrite sum_plus. ring.
Qed.
End Paths.
