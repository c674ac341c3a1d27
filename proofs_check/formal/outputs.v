(** What flips do to the outputs: the residual is that of the linear model of H(0), driven by neurons that flip.

      xi(t+1) - xi(t) = - H(0) (S(t+1) - S(t)) + (psi(t+1) - psi(t)),
    S the filter of the residual.  psi has two parts: errors of the mask, which go through the filter like the residual
    itself, and jumps of pairs (neuron, sample) that have flipped. *)

From Coq Require Import Reals Lra Lia Bool FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion network filters.
Open Scope R_scope.

(** The share of a step that relu passes on: in [0, 1], and [c] where z does not move. *)
Definition slope (c z z' : R) : R := if Req_EM_T z' z then c else (relu z' - relu z) / (z' - z).

Lemma slope_step c z z' : relu z' - relu z = slope c z z' * (z' - z).
Proof. unfold slope. destruct (Req_EM_T z' z) as [->|N]; [ring|]. field. lra. Qed.

Lemma slope_range c z z' : 0 <= c <= 1 -> 0 <= slope c z z' <= 1.
Proof.
  intros C. unfold slope. destruct (Req_EM_T z' z) as [E|N]; [assumption|].
  assert (M : forall u v, u < v -> 0 <= (relu v - relu u) / (v - u) <= 1).
  { intros u v L. assert (P : 0 < / (v - u)) by (apply Rinv_0_lt_compat; lra).
    assert (A : 0 <= relu v - relu u <= v - u)
      by (unfold relu, Rmax; destruct (Rle_dec 0 u), (Rle_dec 0 v); lra).
    assert (Q : (v - u) * / (v - u) = 1) by (apply Rinv_r; lra). unfold Rdiv. nra. }
  destruct (Rlt_le_dec z z') as [L|L]; [now apply M|].
  replace ((relu z' - relu z) / (z' - z)) with ((relu z - relu z') / (z - z')) by (field; lra). apply M. lra.
Qed.

(** Where the sign is the same before and after, the slope is the activation. *)
Lemma slope_kept c z z' : active z = c -> active z' = c -> slope c z z' = c.
Proof.
  intros A B. unfold slope. destruct (Req_EM_T z' z) as [E|N]; [reflexivity|].
  rewrite !relu_active, A, B. field. lra.
Qed.

(** A sum with one term set apart. *)
Lemma sum_split k (c f : nat -> R) i : (i < k)%nat ->
  sum k (fun j => c j * f j) = sum k (fun j => (if Nat.eqb i j then 0 else c j) * f j) + c i * f i.
Proof.
  intros Hi.
  assert (G : forall u, sum u (fun j => c j * f j)
    = sum u (fun j => (if Nat.eqb i j then 0 else c j) * f j) + (if Nat.ltb i u then c i * f i else 0)).
  { induction u as [|u IH]; [simpl; ring|]. simpl sum. rewrite IH.
    destruct (Nat.ltb_spec i u), (Nat.ltb_spec i (S u)), (Nat.eqb_spec i u); try lia; subst; ring. }
  rewrite (G k). destruct (Nat.ltb_spec i k); [reflexivity|lia].
Qed.

Section Outputs.
Variable net : network.
Hypothesis ok : proper net.
Variables (p : method) (push : R) (W : nat -> weights).
Hypothesis train : trained_from net p push W.
Let n := samples net.
Let m := width net.
Let xi (t : nat) : vec := residual net (W t).
Let root := / sqrt (INR m).
Let b := beta p.
Let a := push_now p.
Let l := push_later p.
Let H := gram net (W O).
(** A, the first patterns, and A(t). *)
Definition first (r i : nat) : R := pattern net (W O) r i.
Definition now (t r i : nat) : R := pattern net (W t) r i.

(** S(t), the filter of the residual, and S(t+1) - S(t). *)
Definition total (t : nat) : vec := fun j => fst (filter b a l (- push * xi O j) (fun s => xi s j) t).
Definition total_rise (t : nat) : vec := fun j => rise b a l (- push * xi O j) (fun s => xi s j) t.
(** K without its diagonal. *)
Definition off (i j : nat) : R := if Nat.eqb i j then 0 else kernel net i j.
(** The error of the masks: - (1/m) sum over r and j <> i of K_ij A_ri (A_rj(t) - A_rj) xi_j(t). *)
Definition mask_error (t : nat) : vec := fun i =>
  - / INR m * sum m (fun r => sum n (fun j => off i j * first r i * ((now t r j - first r j) * xi t j))).
(** Its filter's momentum. *)
Definition mask_momentum (t : nat) : vec := fun i => snd (filter b a l 0 (fun s => mask_error s i) t).
(** The share that relu passes on in the step from t to t + 1. *)
Definition passed (t r i : nat) : R := slope (first r i) (pre net (W t) r i) (pre net (W (S t)) r i).
(** What one neuron adds beyond the linear model and the masks. *)
Definition jump_of (t r i : nat) : R :=
  sum n (fun j => off i j * ((passed t r i - first r i) * rise_of net p push W r j t))
  + (passed t r i * rise_of net p push W r i t - first r i * total_rise t i).
Definition jump (t : nat) : vec := fun i => - / INR m * sum m (fun r => jump_of t r i).

(** c_rj - A_rj S_j is the filter of the error of the mask. *)
Lemma stray_filter r j t :
  filter b a l 0 (fun s => (now s r j - first r j) * xi s j) t
  = (path_of net p push W r j t - first r j * total t j,
     snd (filter b a l (- push * masked net W r j 0) (masked net W r j) t)
       - first r j * snd (filter b a l (- push * xi O j) (fun s => xi s j) t)).
Proof.
  pose proof (filter_minus b a l (- push * masked net W r j 0) (first r j * (- push * xi O j))
    (masked net W r j) (fun s => first r j * xi s j) t) as E.
  rewrite (filter_scal b a l (first r j)) in E. cbn [fst snd] in E.
  unfold path_of, total. fold b a l. rewrite <- E.
  replace (- push * masked net W r j 0 - first r j * (- push * xi O j)) with 0.
  2: { unfold masked, first, xi. ring. }
  apply filter_ext. intros s _. unfold now, masked, xi. ring.
Qed.

Lemma stray_rise r j t :
  rise b a l 0 (fun s => (now s r j - first r j) * xi s j) t = rise_of net p push W r j t - first r j * total_rise t j.
Proof.
  unfold rise. rewrite stray_filter. cbn [snd]. unfold rise_of, total_rise, rise, now, masked, xi. fold b a l. ring.
Qed.

(** The filter of the mask's error, term by term. *)
Lemma mask_rise t i :
  rise b a l 0 (fun s => mask_error s i) t
  = - / INR m * sum m (fun r => sum n (fun j =>
      off i j * first r i * (rise_of net p push W r j t - first r j * total_rise t j))).
Proof.
  assert (Z : forall k, sum k (fun _ : nat => 0) = 0) by apply sum_zero.
  assert (Lin : forall c k (g : nat -> nat -> R), rise b a l 0 (fun s => c * sum k (fun j => g j s)) t
    = c * sum k (fun j => rise b a l 0 (g j) t)).
  { intros c k g. unfold rise. replace 0 with (c * 0) at 1 by ring.
    rewrite (filter_scal b a l c 0 (fun s => sum k (fun j => g j s))). cbn [snd].
    rewrite <- (Z k) at 1. rewrite (filter_sum b a l k (fun _ => 0) g). cbn [snd].
    rewrite sum_plus, sum_scal. ring. }
  unfold mask_error. rewrite (Lin (- / INR m) m (fun r s => sum n (fun j => off i j * first r i * ((now s r j - first r j) * xi s j)))).
  f_equal. apply sum_ext. intros r _.
  pose proof (Lin 1 n (fun j s => off i j * first r i * ((now s r j - first r j) * xi s j))) as E.
  rewrite Rmult_1_l in E. etransitivity; [|etransitivity; [exact E|]].
  - unfold rise. f_equal; [|ring]. f_equal. apply filter_ext. intros. ring.
  - apply sum_ext. intros j _. pose proof (Lin (off i j * first r i) 1%nat (fun _ s => (now s r j - first r j) * xi s j)) as F.
    simpl sum in F. rewrite Rplus_0_l in F. rewrite stray_rise in F. rewrite <- F.
    unfold rise. f_equal; [|ring]. f_equal. apply filter_ext. intros. ring.
Qed.

Lemma off_split i f : (i < n)%nat -> sum n (fun j => kernel net i j * f j) = sum n (fun j => off i j * f j) + f i.
Proof.
  intros Hi. rewrite (sum_split n (kernel net i) f i Hi). assert (E : kernel net i i = 1) by now apply (proj1 (proj2 ok)).
  rewrite E, Rmult_1_l. reflexivity.
Qed.

(** psi(t+1) - psi(t) with psi(t) = f(t) - f(0) + H(0) S(t): what the outputs do in a step beyond the linear model. *)
Definition psi_rise (t : nat) : vec := fun i => xi (S t) i - xi t i + mul n H (total_rise t) i.
(** What one neuron adds to it. *)
Definition psi_of (t r i : nat) : R :=
  sum n (fun j => kernel net i j * (passed t r i * rise_of net p push W r j t - first r i * first r j * total_rise t j)).

(** It is a sum over neurons. *)
Lemma psi_sum t i : psi_rise t i = - / INR m * sum m (fun r => psi_of t r i).
Proof.
  assert (E : xi (S t) i - xi t i
    = - / INR m * sum m (fun r => passed t r i * sum n (fun j => kernel net i j * rise_of net p push W r j t))).
  { unfold xi, residual, output. fold m root.
    replace (root * sum m (fun r => sign net r * relu (pre net (W (S t)) r i)) - target net i
      - (root * sum m (fun r => sign net r * relu (pre net (W t) r i)) - target net i))
      with (root * (sum m (fun r => sign net r * relu (pre net (W (S t)) r i)) - sum m (fun r => sign net r * relu (pre net (W t) r i)))) by ring.
    rewrite <- sum_minus, <- !sum_scal. apply sum_ext. intros r Hr.
    replace (sign net r * relu (pre net (W (S t)) r i) - sign net r * relu (pre net (W t) r i))
      with (sign net r * (relu (pre net (W (S t)) r i) - relu (pre net (W t) r i))) by ring.
    rewrite (slope_step (first r i)). fold (passed t r i). rewrite (pre_rise net p push W train t r i Hr). fold n m root.
    replace (root * (sign net r * (passed t r i * - (root * sign net r * sum n (fun j => kernel net i j * rise_of net p push W r j t)))))
      with (- (root * root) * (sign net r * sign net r) * (passed t r i * sum n (fun j => kernel net i j * rise_of net p push W r j t)))
      by ring.
    unfold root, m. rewrite (root_width_sq net ok), (sign_sq net ok r Hr). ring. }
  assert (G : mul n H (total_rise t) i
    = / INR m * sum m (fun r => sum n (fun j => kernel net i j * (first r i * (first r j * total_rise t j))))).
  { unfold mul, H, gram, cross_gram, cross. fold m. rewrite <- sum_scal.
    rewrite (sum_ext m _ (fun r => sum n (fun j => / INR m * (kernel net i j * (first r i * (first r j * total_rise t j))))))
      by (intros; now rewrite sum_scal).
    rewrite sum_swap. apply sum_ext. intros j _. rewrite sum_scal.
    rewrite (sum_ext m (fun r => kernel net i j * (first r i * (first r j * total_rise t j)))
      (fun r => first r i * first r j * (kernel net i j * total_rise t j))) by (intros; ring).
    rewrite sum_scal_r. unfold first. ring. }
  unfold psi_rise, psi_of. rewrite E, G, <- !sum_scal, <- sum_plus. apply sum_ext. intros r _.
  transitivity (- / INR m * (passed t r i * sum n (fun j => kernel net i j * rise_of net p push W r j t)
    - sum n (fun j => kernel net i j * (first r i * (first r j * total_rise t j))))); [ring|]. f_equal.
  rewrite <- sum_scal, <- sum_minus. apply sum_ext. intros. ring.
Qed.

(** output-decomposition: in every step, what the outputs do beyond the linear model of H(0) is the filter of the masks'
    errors and the jumps of neurons,
      xi(t+1) = xi(t) - H(0) (S(t+1) - S(t)) + [mask_momentum(t) + p mask_error(t)] + jump(t). *)
Theorem output_decomposition t i : (i < n)%nat ->
  xi (S t) i = xi t i - mul n H (total_rise t) i + (mask_momentum t i + a * mask_error t i) + jump t i.
Proof.
  intros Hi. cut (psi_rise t i = mask_momentum t i + a * mask_error t i + jump t i); [unfold psi_rise; lra|].
  pose proof (mask_rise t i) as M. unfold rise in M at 1. fold (mask_momentum t i) in M. rewrite M, psi_sum. unfold jump.
  rewrite <- !sum_scal, <- sum_plus. apply sum_ext. intros r _. rewrite <- Rmult_plus_distr_l. f_equal. unfold psi_of.
  rewrite !(off_split i) by assumption. unfold jump_of.
  assert (A : first r i * first r i = first r i).
  { unfold first. destruct (active_cases (pre net (W O) r i)) as [Z|Z]; unfold pattern; rewrite Z; ring. }
  rewrite (sum_ext n (fun j => off i j * (passed t r i * rise_of net p push W r j t - first r i * first r j * total_rise t j))
    (fun j => off i j * first r i * (rise_of net p push W r j t - first r j * total_rise t j)
        + off i j * ((passed t r i - first r i) * rise_of net p push W r j t))) by (intros; ring).
  rewrite sum_plus, A. ring.
Qed.

Lemma now_cases t r i : now t r i = 0 \/ now t r i = 1.
Proof. apply active_cases. Qed.
Lemma first_cases r i : first r i = 0 \/ first r i = 1.
Proof. apply active_cases. Qed.
Lemma passed_range t r i : 0 <= passed t r i <= 1.
Proof. apply slope_range. destruct (first_cases r i) as [-> | ->]; lra. Qed.
End Outputs.
