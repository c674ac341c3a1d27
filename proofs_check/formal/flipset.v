(** Which pairs can flip, by the comparison theorem's own condition: two reaches, before and after a first flip. *)

From Coq Require Import Reals Lra Lia Bool FunctionalExtensionality.
From NagNtk Require Import vectors matrices companion network filters outputs counts.
Open Scope R_scope.

Section FlipSet.
Variable net : network.
Hypothesis ok : proper net.
Variables (p : method) (push : R) (W : nat -> weights).
Hypothesis train : trained_from net p push W.
Hypothesis beta_nonneg : 0 <= beta p.
Hypothesis now_nonneg : 0 <= push_now p.
Hypothesis push_nonneg : 0 <= push.
Variable X : nat -> vec.
Let n := samples net.
Let m := width net.
Let xi (t : nat) : vec := residual net (W t).
Let root := / sqrt (INR m).
Local Notation b := (beta p).
Local Notation a := (push_now p).
Local Notation l := (push_later p).
Local Notation first := (first net W).
Local Notation now := (now net W).
Local Notation total := (total net p push W).
Local Notation path_of := (path_of net p push W).
Local Notation below := (below net W X).

(** The largest sum over a subset of samples, of either sign: all positive terms, or all negative ones. *)
Definition widest (x : vec) (i : nat) : R :=
  Rmax (sum n (fun j => Rmax 0 (kernel net i j * x j))) (sum n (fun j => Rmax 0 (- (kernel net i j * x j)))).

Lemma widest_bounds (x : vec) r i : Rabs (sum n (fun j => kernel net i j * (first r j * x j))) <= widest x i.
Proof.
  assert (G : forall s, (s = 1 \/ s = -1) ->
    s * sum n (fun j => kernel net i j * (first r j * x j)) <= sum n (fun j => Rmax 0 (s * (kernel net i j * x j)))).
  { intros s _. rewrite <- sum_scal. apply sum_le. intros j _.
    pose proof (Rmax_l 0 (s * (kernel net i j * x j))). pose proof (Rmax_r 0 (s * (kernel net i j * x j))).
    destruct (first_cases net W r j) as [-> | ->]; lra. }
  pose proof (G 1 ltac:(lra)) as A. pose proof (G (-1) ltac:(lra)) as B. unfold widest.
  rewrite (sum_ext n (fun j => Rmax 0 (1 * (kernel net i j * x j))) (fun j => Rmax 0 (kernel net i j * x j))) in A
    by (intros; now rewrite Rmult_1_l).
  rewrite (sum_ext n (fun j => Rmax 0 (-1 * (kernel net i j * x j))) (fun j => Rmax 0 (- (kernel net i j * x j)))) in B
    by (intros; f_equal; ring).
  pose proof (Rmax_l (sum n (fun j => Rmax 0 (kernel net i j * x j))) (sum n (fun j => Rmax 0 (- (kernel net i j * x j))))).
  pose proof (Rmax_r (sum n (fun j => Rmax 0 (kernel net i j * x j))) (sum n (fun j => Rmax 0 (- (kernel net i j * x j))))).
  apply Rabs_le. lra.
Qed.

(** M(t): how far any masked filter has moved. *)
Definition total_bound (t : nat) : vec := fun j =>
  fst (filter (beta p) (push_now p) (Rabs (push_later p)) (push * X O j) (fun s => X s j) t).

Lemma total_bound_grows s t j : (s <= t)%nat -> (forall u, (u < t)%nat -> below u) -> (j < n)%nat ->
  total_bound s j <= total_bound t j.
Proof.
  intros L B Hj. induction L as [|t L IH]; [lra|]. eapply Rle_trans; [apply IH; intros u Hu; apply B; lia|].
  unfold total_bound. rewrite filter_next. cut (0 <= rise b a (Rabs l) (push * X O j) (fun s => X s j) t); [lra|].
  assert (P : forall u, (u <= t)%nat -> 0 <= X u j).
  { intros u Hu. eapply Rle_trans; [apply Rabs_pos|apply (B t (Nat.lt_succ_diag_r t) u Hu j Hj)]. }
  unfold rise. apply Rplus_le_le_0_compat; [|apply Rmult_le_pos; [assumption|apply P; lia]].
  apply filter_nonneg; try assumption; [apply Rabs_pos|apply Rmult_le_pos; [assumption|apply P; lia]|]. intros u Hu. apply P. lia.
Qed.

Lemma path_small r j t : (j < n)%nat -> below 0 -> (forall u, (u < t)%nat -> below u) -> Rabs (path_of r j t) <= total_bound t j.
Proof.
  intros Hj B0 B.
  assert (G : forall s, below s -> Rabs (masked net W r j s) <= X s j).
  { intros s Hs. unfold masked. fold (xi s). rewrite Rabs_mult. pose proof (Hs s (le_n s) j Hj) as Bs. change (Rabs (xi s j) <= X s j) in Bs.
    pose proof (Rabs_pos (xi s j)). destruct (now_cases net W s r j) as [E|E]; unfold outputs.now in E; rewrite E;
      rewrite ?Rabs_R0, ?Rabs_R1; lra. }
  apply filter_bound; try assumption.
  - rewrite Rabs_mult, Rabs_Ropp, (Rabs_pos_eq push) by assumption. apply Rmult_le_compat_l; [assumption|]. now apply G.
  - intros s Hs. now apply G, B.
Qed.

(** A pair that has changed its sign has moved as far as it was from 0. *)
Lemma crossing t r i : (r < m)%nat -> now t r i <> first r i ->
  Rabs (sqrt (INR m) * pre net (W O) r i) <= Rabs (sum n (fun j => kernel net i j * path_of r j t)).
Proof.
  intros Hr N. destruct (Rle_or_lt (Rabs (sqrt (INR m) * pre net (W O) r i))
    (Rabs (sum n (fun j => kernel net i j * path_of r j t)))) as [L|L]; [assumption|]. exfalso. apply N.
  pose proof (neuron_path net p push W train t r i Hr) as P. fold n m root in P.
  pose proof (root_width_pos net ok) as R0. fold m in R0. rewrite Rabs_mult, (Rabs_pos_eq (sqrt (INR m))) in L by lra.
  assert (Q : root * sqrt (INR m) = 1) by (apply Rinv_l; lra).
  assert (Hroot : 0 < root) by (apply Rinv_0_lt_compat, R0).
  set (c := sum n (fun j => kernel net i j * path_of r j t)) in *. set (z := pre net (W O) r i) in *.
  assert (M : Rabs (pre net (W t) r i - z) < Rabs z).
  { rewrite P. replace (z - root * sign net r * c - z) with (- (root * (sign net r * c))) by ring.
    rewrite Rabs_Ropp, Rabs_mult, (Rabs_pos_eq root) by lra. rewrite Rabs_mult, (sign_abs net ok r Hr), Rmult_1_l.
    apply (Rmult_lt_compat_l root) in L; [|assumption]. rewrite <- Rmult_assoc, Q in L. lra. }
  unfold outputs.now, outputs.first, pattern, active. fold z. unfold Rabs in M.
  destruct (Rcase_abs (pre net (W t) r i - z)), (Rcase_abs z), (Rle_dec 0 (pre net (W t) r i)), (Rle_dec 0 z); lra.
Qed.

(** A neuron with a flip up to t has a first one. *)
Lemma first_flip (P : nat -> nat -> Prop) (dec : forall s j, {P s j} + {~ P s j}) t :
  (forall s j, (s <= t)%nat -> (j < n)%nat -> P s j)
  \/ exists s j, (s <= t)%nat /\ (j < n)%nat /\ ~ P s j /\ forall u k, (u < s)%nat -> (k < n)%nat -> P u k.
Proof.
  assert (Row : forall s k, (forall j, (j < k)%nat -> P s j) \/ exists j, (j < k)%nat /\ ~ P s j).
  { intros s. induction k as [|k [A|[j [L A]]]]; [left; lia| |right; exists j; split; [lia|assumption]].
    destruct (dec s k) as [Y|N]; [left|right; exists k; split; [lia|assumption]].
    intros j Hj. destruct (Nat.eq_dec j k) as [->|Ne]; [assumption|apply A; lia]. }
  induction t as [|t [A|[s [j [L [Hj [N F]]]]]]].
  - destruct (Row O n) as [A|[j [L N]]]; [left; intros s j Hs Hj; replace s with O by lia; now apply A|right].
    exists O, j. repeat split; try assumption; lia.
  - destruct (Row (S t) n) as [B|[j [L N]]].
    + left. intros s j Hs Hj. destruct (Nat.eq_dec s (S t)) as [->|Ne]; [now apply B|apply A; [lia|assumption]].
    + right. exists (S t), j. repeat split; try assumption; [lia|]. intros u k Hu Hk. apply A; [lia|assumption].
  - right. exists s, j. repeat split; try assumption; lia.
Qed.

(** flip-set: a pair (r,i) that has changed its sign at a step s <= t has sqrt m |z_ri(0)| <= b_i, or has
    sqrt m |z_ri(0)| <= (|K| M(t))_i and, for some j <> i, sqrt m |z_rj(0)| <= b_j. *)
Theorem flip_set_two_reaches t s r i (reach : vec) : (r < m)%nat -> (i < n)%nat -> (s <= t)%nat ->
  below 0 -> (forall u, (u < t)%nat -> below u) ->
  (forall u j, (u <= t)%nat -> (j < n)%nat -> widest (total u) j <= reach j) ->
  now s r i <> first r i ->
  Rabs (sqrt (INR m) * pre net (W O) r i) <= reach i
  \/ (Rabs (sqrt (INR m) * pre net (W O) r i) <= sum n (fun j => Rabs (kernel net i j) * total_bound t j)
      /\ exists j, (j < n)%nat /\ j <> i /\ Rabs (sqrt (INR m) * pre net (W O) r j) <= reach j).
Proof.
  intros Hr Hi Hs B0 B Wide Flip.
  destruct (first_flip (fun u j => now u r j = first r j) (fun u j => Req_EM_T (now u r j) (first r j)) t)
    as [All|[u [k [Hu [Hk [N Before]]]]]]; [exfalso; apply Flip; now apply All|].
  (* at the first flip of the neuron its path is still its own *)
  assert (Own : forall j, (j < n)%nat -> path_of r j u = first r j * total u j).
  { intros j Hj. apply Rminus_diag_uniq. pose proof (stray_filter net p push W r j u) as E. apply (f_equal fst) in E.
    cbn [fst] in E. rewrite <- E.
    rewrite (filter_ext b a l 0 _ (fun _ => 0 * 0)) by (intros v Hv; rewrite (Before v j Hv Hj); ring).
    pose proof (filter_scal b a l 0 0 (fun _ => 0) u) as G. rewrite Rmult_0_l in G. rewrite G. cbn [fst]. ring. }
  assert (First : forall j, (j < n)%nat -> now u r j <> first r j -> Rabs (sqrt (INR m) * pre net (W O) r j) <= reach j).
  { intros j Hj Nj. eapply Rle_trans; [apply (crossing u r j Hr Nj)|].
    rewrite (sum_ext n _ (fun q => kernel net j q * (first r q * total u q))) by (intros q Hq; now rewrite Own).
    eapply Rle_trans; [apply widest_bounds|]. now apply Wide. }
  destruct (Req_EM_T (now u r i) (first r i)) as [Same|Ni]; [right|left; now apply First].
  split.
  - eapply Rle_trans; [apply (crossing s r i Hr Flip)|]. eapply Rle_trans; [apply sum_abs|].
    apply sum_le. intros j Hj. rewrite Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos|].
    eapply Rle_trans; [apply path_small; [assumption|assumption|intros v Hv; apply B; lia]|]. now apply total_bound_grows.
  - exists k. split; [assumption|]. split; [intros ->; contradiction|now apply First].
Qed.
End FlipSet.
