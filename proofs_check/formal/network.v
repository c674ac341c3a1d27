(** The network and its training, as in the paper.

    f_i(W) = m^(-1/2) sum over r of a_r relu(w_r . x_i), n samples x_i with |x_i| = 1, m neurons, fixed signs a_r = +-1;
    loss |xi|^2/2 with the residual xi = f - y; only the w_r are trained. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion.
Open Scope R_scope.

Record network := Network {
  samples : nat; width : nat; dimension : nat;
  input : nat -> vec;   (* x_i, i < samples *)
  target : vec;         (* y_i *)
  sign : nat -> R       (* a_r, r < width *)
}.

Definition weights := nat -> vec.  (* w_r, r < width *)

(** Unit inputs, signs +-1, at least one neuron: the setting of every statement below. *)
Definition proper (net : network) : Prop :=
  (0 < width net)%nat
  /\ (forall i, (i < samples net)%nat -> dot (dimension net) (input net i) (input net i) = 1)
  /\ (forall r, (r < width net)%nat -> sign net r = 1 \/ sign net r = -1).

(** Activation at 0 counts as active. *)
Definition active (z : R) : R := if Rle_dec 0 z then 1 else 0.
Definition relu (z : R) : R := Rmax 0 z.

Section Definitions.
Variable net : network.
Let n := samples net.
Let m := width net.
Let d := dimension net.

(** z_ri = w_r . x_i *)
Definition pre (W : weights) (r i : nat) : R := dot d (W r) (input net i).
(** A_ri *)
Definition pattern (W : weights) (r i : nat) : R := active (pre W r i).
Definition output (W : weights) (i : nat) : R := / sqrt (INR m) * sum m (fun r => sign net r * relu (pre W r i)).
Definition residual (W : weights) : vec := fun i => output W i - target net i.
(** The gradient of the loss in w_r: m^(-1/2) a_r sum over i of xi_i A_ri x_i. *)
Definition gradient (W : weights) (r : nat) : vec :=
  fun k => / sqrt (INR m) * sign net r * sum n (fun i => residual W i * pattern W r i * input net i k).
(** K_ij = x_i . x_j *)
Definition kernel : mat := fun i j => dot d (input net i) (input net j).
Definition abs_kernel : mat := fun i j => Rabs (kernel i j).

(** K_ij (1/m) sum over r of B_ri A_rj, for a pattern B at i and the pattern of W at j. *)
Definition cross (B : nat -> nat -> R) (W : weights) : mat :=
  fun i j => kernel i j * (/ INR m * sum m (fun r => B r i * pattern W r j)).
(** The Gram matrix H of the weights, and the cross-Gram of two sets of weights. *)
Definition cross_gram (W W' : weights) : mat := cross (pattern W) W'.
Definition gram (W : weights) : mat := cross_gram W W.

(** Training with the method p = (eta, beta, gamma), gradient start: w(-1) = w(0) and grad L(w(-1)) = grad L(w(0)).
    The time before t is [pred t], and [pred 0 = 0] is that start.
      w(t+1) = w(t) + beta (w(t) - w(t-1)) - eta (1 + gamma) grad L(w(t)) + eta gamma grad L(w(t-1)) *)
Definition trained (p : method) (W : nat -> weights) : Prop :=
  forall t r, (r < m)%nat -> forall k, (k < d)%nat ->
    W (S t) r k = W t r k + beta p * (W t r k - W (pred t) r k)
                  - eta p * (1 + gamma p) * gradient (W t) r k + eta p * gamma p * gradient (W (pred t)) r k.

(** |w_r - w_r(0)| *)
Definition moved (W0 W : weights) (r : nat) : R := norm d (vsub (W r) (W0 r)).
(** Every neuron is within [rad] of where it began. *)
Definition in_ball (rad : R) (W0 W : weights) : Prop := forall r, (r < m)%nat -> moved W0 W r <= rad.

(** r in S_i(rad), as a number: |w_r(0) . x_i| <= rad. *)
Definition near (rad : R) (W0 : weights) (r i : nat) : R := if Rle_dec (Rabs (pre W0 r i)) rad then 1 else 0.
(** |S_i(rad)| *)
Definition near_count (rad : R) (W0 : weights) (i : nat) : R := sum m (fun r => near rad W0 r i).

(** The conclusion of flip-count: |S_i(rad)| is at most this. *)
Definition flip_count_bound (rad : R) : R := 4 * INR m * rad.

(** V(t) = [xi(t); xi(t-1)] *)
Definition stacked (W : nat -> weights) (t : nat) : state := (residual (W t), residual (W (pred t))).
End Definitions.

(** ** Elementary facts *)

Lemma relu_active z : relu z = active z * z.
Proof.
  unfold relu, active. destruct (Rle_dec 0 z); [rewrite Rmax_right; lra|rewrite Rmax_left; lra].
Qed.

Lemma active_cases z : active z = 0 \/ active z = 1.
Proof. unfold active. destruct (Rle_dec 0 z); auto. Qed.

Lemma near_cases net rad W r i : near net rad W r i = 0 \/ near net rad W r i = 1.
Proof. unfold near. destruct (Rle_dec _ rad); auto. Qed.

Lemma relu_lipschitz z z' : Rabs (relu z - relu z') <= Rabs (z - z').
Proof. unfold relu, Rmax. destruct (Rle_dec 0 z), (Rle_dec 0 z'); repeat (unfold Rabs; destruct Rcase_abs); lra. Qed.

Section Facts.
Variable net : network.
Hypothesis ok : proper net.
Let n := samples net.
Let m := width net.
Let d := dimension net.

Lemma width_pos : 0 < INR m.
Proof. apply lt_0_INR, ok. Qed.

Lemma root_width_pos : 0 < sqrt (INR m).
Proof. apply sqrt_lt_R0, width_pos. Qed.

Lemma root_width_sq : / sqrt (INR m) * / sqrt (INR m) = / INR m.
Proof. rewrite <- Rinv_mult, sqrt_sqrt; [reflexivity|]. pose proof width_pos. lra. Qed.

Lemma sign_sq r : (r < m)%nat -> sign net r * sign net r = 1.
Proof. intros L. destruct ok as [_ [_ S]]. destruct (S r L) as [E|E]; rewrite E; lra. Qed.

Lemma sign_abs r : (r < m)%nat -> Rabs (sign net r) = 1.
Proof.
  intros L. destruct ok as [_ [_ S]]. destruct (S r L) as [E|E]; rewrite E; [apply Rabs_R1|].
  unfold Rabs. destruct Rcase_abs; lra.
Qed.

Lemma input_norm i : (i < n)%nat -> norm d (input net i) = 1.
Proof. intros L. destruct ok as [_ [U _]]. unfold norm, d. rewrite (U i L). apply sqrt_1. Qed.

Lemma kernel_sym : symmetric n (kernel net).
Proof. intros i j _ _. unfold kernel. apply dot_sym. Qed.

Lemma kernel_le_one i j : (i < n)%nat -> (j < n)%nat -> Rabs (kernel net i j) <= 1.
Proof.
  intros Hi Hj. unfold kernel. eapply Rle_trans; [apply cauchy_schwarz|].
  fold d. rewrite !input_norm by assumption. lra.
Qed.

(** The Gram matrix is symmetric. *)
Lemma gram_symmetric W : symmetric n (gram net W).
Proof.
  intros i j Hi Hj. unfold gram, cross_gram, cross. rewrite (kernel_sym i j Hi Hj). do 2 f_equal.
  apply sum_ext. intros. ring.
Qed.

(** Cauchy-Schwarz for one neuron: its pre-activations move no further than it does. *)
Lemma pre_moves W0 W r i : (i < n)%nat -> Rabs (pre net W r i - pre net W0 r i) <= moved net W0 W r.
Proof.
  intros L. assert (E : pre net W r i - pre net W0 r i = dot d (vsub (W r) (W0 r)) (input net i)).
  { unfold pre, vsub. rewrite dot_add_l, dot_scal_l. fold d. ring. }
  rewrite E. eapply Rle_trans; [apply cauchy_schwarz|]. rewrite input_norm by assumption. unfold moved. fold d. lra.
Qed.

(** grad_r . x_i = m^(-1/2) a_r sum over j of K_ij A_rj xi_j *)
Lemma gradient_dot W r i :
  dot d (gradient net W r) (input net i)
  = / sqrt (INR m) * sign net r * sum n (fun j => kernel net i j * (pattern net W r j * residual net W j)).
Proof.
  unfold dot, gradient. fold n m.
  rewrite (sum_ext d _ (fun k => / sqrt (INR m) * sign net r
    * sum n (fun j => residual net W j * pattern net W r j * input net j k * input net i k))).
  2: { intros k _. rewrite sum_scal_r. ring. }
  rewrite sum_scal, sum_swap. f_equal. apply sum_ext. intros j _.
  unfold kernel, dot. fold d. rewrite <- sum_scal_r. apply sum_ext. intros. ring.
Qed.

(** Pre-activations obey the recursion of the weights. *)
Lemma pre_step p W t r i : trained net p W -> (r < m)%nat ->
  pre net (W (S t)) r i = pre net (W t) r i + beta p * (pre net (W t) r i - pre net (W (pred t)) r i)
    - eta p * (1 + gamma p) * dot d (gradient net (W t) r) (input net i)
    + eta p * gamma p * dot d (gradient net (W (pred t)) r) (input net i).
Proof.
  intros T L. unfold pre. fold d.
  rewrite (dot_ext d (W (S t) r) (vadd (vadd (W t r) (vscal (beta p) (vsub (W t r) (W (pred t) r))))
    (vadd (vscal (- (eta p * (1 + gamma p))) (gradient net (W t) r))
          (vscal (eta p * gamma p) (gradient net (W (pred t)) r)))) (input net i) (input net i)).
  - unfold vsub. rewrite !dot_add_l, !dot_scal_l, !dot_add_l, !dot_scal_l. ring.
  - intros k Hk. rewrite (T t r L k Hk). unfold vsub, vadd, vscal. ring.
  - reflexivity.
Qed.

End Facts.
