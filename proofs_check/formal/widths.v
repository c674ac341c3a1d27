(** The explicit widths by name, so that the tie can read them: a number changed here or in explicit.v no longer fits. *)

From Coq Require Import Reals.
From NagNtk Require Import vectors matrices companion tunings network flips bootstrap contraction explicit.
Open Scope R_scope.

(** The explicit widths: radius and demand (the width times lo^4) by name, k = kappa. *)
Definition momentum_radius (a k n lo : R) : R := lo / (a * sqrt k * n).
Definition descent_radius (n lo : R) : R := lo / (16 * n).
Definition momentum_demand (a b k n B : R) : R := (a * b) * (a * b) * (k * k) * (n * n * n) * (B * B).
Definition descent_demand (n B : R) : R := (16 * 2) * (16 * 2) * (n * n * n) * (B * B).
Definition few_near net W rad : Prop :=
  forall i, (i < samples net)%nat -> near_count net rad (W O) i <= flip_count_bound net rad.

Definition nesterov_explicit_named net W lo hi B ok some P U S start train
  (few : few_near net W (momentum_radius 1040 (kappa lo hi) (INR (samples net)) lo))
  (wide : momentum_demand 1040 39 (kappa lo hi) (INR (samples net)) B <= INR (width net) * ((lo * lo) * (lo * lo))) t :
  norm2 (samples net) (stacked net W t)
  <= nesterov_prefactor (kappa lo hi) * nesterov_claim (kappa lo hi) ^ t * norm2 (samples net) (stacked net W O)
  := nesterov_explicit_width net W lo hi B ok some P U S start train few wide t.

Definition heavy_ball_explicit_named net W lo hi B ok some P U S start train
  (few : few_near net W (momentum_radius 192 (kappa lo hi) (INR (samples net)) lo))
  (wide : momentum_demand 192 31 (kappa lo hi) (INR (samples net)) B <= INR (width net) * ((lo * lo) * (lo * lo))) t :
  norm2 (samples net) (stacked net W t)
  <= heavy_ball_prefactor (kappa lo hi) * heavy_ball_claim (kappa lo hi) ^ t * norm2 (samples net) (stacked net W O)
  := heavy_ball_explicit_width net W lo hi B ok some P U S start train few wide t.

Definition gradient_descent_explicit_named net W lo hi B ok some P U S start train
  (few : few_near net W (descent_radius (INR (samples net)) lo))
  (wide : descent_demand (INR (samples net)) B <= INR (width net) * ((lo * lo) * (lo * lo))) t :
  norm (samples net) (residual net (W t))
  <= gradient_descent_claim (kappa lo hi) ^ t * norm (samples net) (residual net (W O))
  := gradient_descent_explicit_width net W lo hi B ok some P U S start train few wide t.
