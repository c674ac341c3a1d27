(** The residual recursion, exact at every step: the linear part with the Gram matrices of the moment, and a remainder
    phi made only of neurons that change sign. *)

From Coq Require Import Reals Lra Lia FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion network.
Open Scope R_scope.

(** relu(z) - b z: what relu adds to its linear part for the pattern b. *)
Definition kink (b z : R) : R := relu z - b * z.

(** It vanishes where b is the pattern of z itself. *)
Lemma kink_own z : kink (active z) z = 0.
Proof. unfold kink. rewrite relu_active. ring. Qed.

(** It is 1-Lipschitz, for b = 0 and b = 1. *)
Lemma kink_lipschitz b z z' : b = 0 \/ b = 1 -> Rabs (kink b z - kink b z') <= Rabs (z - z').
Proof.
  intros [->| ->]; unfold kink, relu, Rmax; destruct (Rle_dec 0 z), (Rle_dec 0 z');
    repeat (unfold Rabs; destruct Rcase_abs); lra.
Qed.

Section Recursion.
Variable net : network.
Hypothesis ok : proper net.
Variables (p : method) (W : nat -> weights).
Hypothesis train : trained net p W.
Let n := samples net.
Let m := width net.
Let d := dimension net.
Let xi (t : nat) : vec := residual net (W t).
Let root := / sqrt (INR m).

(** Summed over neurons with a reference pattern B, the gradients act through the cross-Gram matrix of B. *)
Lemma gradients_act B t i :
  root * sum m (fun r => sign net r * (B r i * dot d (gradient net (W t) r) (input net i)))
  = mul n (cross net B (W t)) (xi t) i.
Proof.
  unfold mul, cross. fold m.
  rewrite (sum_ext m _ (fun r => root * sum n (fun j => kernel net i j * (B r i * pattern net (W t) r j) * xi t j))).
  2: { intros r Hr. unfold d. rewrite gradient_dot. fold n m root xi.
       replace (sign net r * (B r i * (root * sign net r * sum n (fun j => kernel net i j * (pattern net (W t) r j * residual net (W t) j)))))
         with ((sign net r * sign net r) * (root * (B r i * sum n (fun j => kernel net i j * (pattern net (W t) r j * residual net (W t) j)))))
         by ring.
       rewrite (sign_sq net ok r Hr), Rmult_1_l, <- sum_scal. f_equal. apply sum_ext. intros. unfold xi. ring. }
  rewrite sum_scal, <- Rmult_assoc. unfold root, m. rewrite (root_width_sq net ok). fold m.
  rewrite sum_swap, <- sum_scal. apply sum_ext. intros j _.
  rewrite (sum_ext m _ (fun r => B r i * pattern net (W t) r j * (kernel net i j * xi t j))) by (intros; ring).
  rewrite sum_scal_r. ring.
Qed.

(** m^(-1/2) sum over r of a_r kink(B_ri, z_ri) *)
Definition kinks (B : nat -> nat -> R) (V : weights) (i : nat) : R :=
  root * sum m (fun r => sign net r * kink (B r i) (pre net V r i)).

(** The recursion with any reference pattern B:
      xi(t+1) = (1+beta) xi(t) - beta xi(t-1) - eta (1+gamma) H_B(t) xi(t) + eta gamma H_B(t-1) xi(t-1)
                + kinks(t+1) - (1+beta) kinks(t) + beta kinks(t-1). *)
Theorem recursion_with_pattern B t i :
  xi (S t) i = xi t i + beta p * (xi t i - xi (pred t) i)
    - eta p * (1 + gamma p) * mul n (cross net B (W t)) (xi t) i
    + eta p * gamma p * mul n (cross net B (W (pred t))) (xi (pred t)) i
    + (kinks B (W (S t)) i - (1 + beta p) * kinks B (W t) i + beta p * kinks B (W (pred t)) i).
Proof.
  rewrite <- !gradients_act. unfold xi, residual, output, kinks. fold m root.
  assert (K : forall V, root * sum m (fun r => sign net r * relu (pre net V r i))
    = root * sum m (fun r => sign net r * (B r i * pre net V r i)) + root * sum m (fun r => sign net r * kink (B r i) (pre net V r i))).
  { intros V. rewrite <- Rmult_plus_distr_l, <- sum_plus. f_equal. apply sum_ext. intros. unfold kink. ring. }
  rewrite !K.
  assert (Z : sum m (fun r => sign net r * (B r i * pre net (W (S t)) r i))
    = (1 + beta p) * sum m (fun r => sign net r * (B r i * pre net (W t) r i))
      + - beta p * sum m (fun r => sign net r * (B r i * pre net (W (pred t)) r i))
      + (- (eta p * (1 + gamma p)) * sum m (fun r => sign net r * (B r i * dot d (gradient net (W t) r) (input net i)))
         + eta p * gamma p * sum m (fun r => sign net r * (B r i * dot d (gradient net (W (pred t)) r) (input net i))))).
  { rewrite <- !sum_scal, <- !sum_plus. apply sum_ext. intros r Hr.
    rewrite (pre_step net p W t r i train Hr). fold d. ring. }
  rewrite Z. ring.
Qed.

(** phi+ and phi-, made only of neurons that change sign between t and t + 1, or between t - 1 and t. *)
Definition phi_plus (t i : nat) : R :=
  root * sum m (fun r => sign net r * (relu (pre net (W (S t)) r i) - pattern net (W t) r i * pre net (W (S t)) r i)).
Definition phi_minus (t i : nat) : R :=
  root * sum m (fun r => sign net r * (relu (pre net (W (pred t)) r i) - pattern net (W t) r i * pre net (W (pred t)) r i)).

(** residual-recursion:
      xi(t+1) = xi(t) + beta (xi(t) - xi(t-1)) - eta (1+gamma) H(t) xi(t) + eta gamma H(t,t-1) xi(t-1) + phi(t),
      phi(t) = phi+(t) + beta phi-(t). *)
Theorem residual_recursion t i :
  xi (S t) i = xi t i + beta p * (xi t i - xi (pred t) i)
    - eta p * (1 + gamma p) * mul n (gram net (W t)) (xi t) i
    + eta p * gamma p * mul n (cross_gram net (W t) (W (pred t))) (xi (pred t)) i
    + (phi_plus t i + beta p * phi_minus t i).
Proof.
  rewrite (recursion_with_pattern (pattern net (W t)) t i). unfold gram, cross_gram.
  assert (Z : kinks (pattern net (W t)) (W t) i = 0).
  { unfold kinks, pattern. rewrite (sum_ext m _ (fun _ => 0)); [rewrite sum_zero; ring|].
    intros. rewrite kink_own. ring. }
  rewrite Z. unfold kinks, phi_plus, phi_minus, kink. ring.
Qed.

(** A neuron whose sign at x_i does not change contributes nothing to phi. *)
Lemma phi_only_flips t r i : pattern net (W (S t)) r i = pattern net (W t) r i ->
  relu (pre net (W (S t)) r i) - pattern net (W t) r i * pre net (W (S t)) r i = 0.
Proof. intros E. rewrite <- E. unfold pattern. apply kink_own. Qed.

End Recursion.
