(** Certificates at initialisation: the conditions under which bounds from the first weights alone prove convergence.

    The steps up to T go by a recursion (initial.v).  For all later steps it is claimed, with a rate r < 1, that
    |xi(T+k)| <= r^k zeta and |S(T+k+1) - S(T+k)| <= r^k delta: numbers that the linear model and the flips reproduce are
    the proof, and no spectral radius is needed. *)

From Coq Require Import Reals Lra Lia Bool FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion network filters outputs counts reach responses initial.
Open Scope R_scope.

(** The numbers of a certificate: bounds X of |xi|, f of jumps, e of masks' errors, D of steps of S and dS of S - S_lin; the
    pairs [may] that may have flipped up to a step, the last step T of the recursion, a rate, and after T bounds zeta of the
    residual, delta of a step of S from T + k to T + k + 1 and memory of the momentum of mu, all over r^k, and the pairs
    [late] that may ever flip. (The page divides the step from T + k - 1 to T + k by r^k: its delta is this one over r.) *)
Record numbers := Numbers {
  X : nat -> vec; f : nat -> vec; e : nat -> vec; D : nat -> vec; dS : nat -> vec;
  may : nat -> nat -> nat -> bool; T : nat; rate : R;
  zeta : vec; delta : vec; memory : vec; late : nat -> nat -> bool
}.

Section Definitions.
Variables (net : network) (p : method) (push : R) (W : nat -> weights) (c : numbers).
Let n := samples net.
Let b := beta p.
Let a := push_now p.
Let l := push_later p.
Let H := gram net (W O).
Let r := rate c.

(** What a step can move after T, over r^k: the filter of bounds. *)
Definition step_bound : vec := fun j => memory c j + a * zeta c j.
(** Jumps and errors of masks after T, over r^k. *)
Definition late_jump : vec := fun i =>
  mul n (half_count net W (may c) (S (T c))) (fun j => Rmin (delta c j) (step_bound j)) i
  + mul n (both_count net (may c) (S (T c))) step_bound i.
Definition late_error : vec := mul n (mask_count net W (may c) (S (T c))) (zeta c).
(** What the state at T leaves in k steps, and what comes after it adds. *)
Definition left_over (o : view) (k : nat) : vec := fun i =>
  let g := ahead n H b a l 0 o k in
  mul n (mabs (of_x g)) (X c (T c)) i + mul n (mabs (of_q g)) (momentum_bound p push (X c) (T c)) i
  + mul n (mabs (of_v g)) (fun j => snd (filter b a (Rabs l) 0 (fun s => e c s j) (T c))) i.
Definition later (o : view) (k : nat) : vec :=
  driven net p W 0 o (fun s => vscal (r ^ s) late_jump) (fun s => vscal (r ^ s) late_error) k.
(** How far pre-activations can get after T, times sqrt m. *)
Definition last_reach (q i : nat) : R :=
  (if Rle_dec 0 (pre net (W O) q i) then 1 else -1) * sign net q
    * sum n (fun j => kernel net i j * (first net W q j * linear_total net p push W (T c) j))
  + sum n (fun j => Rabs (kernel net i j) * (first net W q j * (dS c (T c) j + delta c j * / (1 - r))))
  + sum n (fun j => Rabs (kernel net i j)
      * (bit (late c q j) * (stray p (X c) (may c) (T c) q j + step_bound j * / (1 - r)))).

(** The conditions of a certificate at initialisation. *)
Record certificate : Prop := Certificate {
  (* the setting *)
  setting : proper net;
  training : trained_from net p push W;
  beta_nonneg : 0 <= beta p;
  now_nonneg : 0 <= push_now p;
  push_nonneg : 0 <= push;
  (* the recursion up to T, and what goes on after it *)
  recursion : steps net p push W (X c) (f c) (e c) (D c) (dS c) (may c) (T c);
  may_grows : forall t q i, may c t q i = true -> may c (S t) q i = true;
  rate_range : 0 <= rate c < 1;
  residual_goes_on : forall k, X c (T c + S k)%nat = vscal (rate c ^ S k) (zeta c);
  pairs_go_on : forall k, may c (T c + S k)%nat = late c;
  (* zeta, delta and memory reproduce themselves *)
  memory_begins : forall j, (j < n)%nat -> momentum_bound p push (X c) (T c) j <= memory c j;
  memory_goes_on : forall j, (j < n)%nat -> b * memory c j + Rabs l * zeta c j <= rate c * memory c j;
  residual_begins : forall j, (j < n)%nat -> X c (T c) j <= zeta c j;
  residual_closes : forall k i, (i < n)%nat ->
    left_over residual_view (S k) i + later residual_view (S k) i <= rate c ^ S k * zeta c i;
  rise_closes : forall k i, (i < n)%nat -> left_over (rise_view a) k i + later (rise_view a) k i <= rate c ^ k * delta c i;
  (* what is left reaches no other pair *)
  late_margins : forall q i, (q < width net)%nat -> (i < n)%nat -> late c q i = false ->
    last_reach q i < Rabs (sqrt (INR (width net)) * pre net (W O) q i)
}.
End Definitions.
