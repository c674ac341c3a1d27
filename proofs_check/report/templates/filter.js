(function () {
  "use strict";
  var form = document.getElementById("filters");
  var status = document.getElementById("shown");
  var rows = Array.from(document.querySelectorAll("#findings tbody tr"));
  var articles = Array.from(document.querySelectorAll("article.lemma"));
  function apply() {
    var verdicts = Array.from(form.querySelectorAll("input:checked"), function (box) { return box.value; });
    var group = form.elements.group.value;
    var run = form.elements.run.value;
    var lemmas = new Set();
    var shown = 0;
    rows.forEach(function (row) {
      var data = row.dataset;
      var wanted = [verdicts.includes(data.verdict), !group || data.group === group, !run || data.run === run];
      row.hidden = !wanted.every(Boolean);
      if (!row.hidden) {
        shown += 1;
        lemmas.add(data.lemma);
      }
    });
    articles.forEach(function (article) { article.hidden = !lemmas.has(article.dataset.lemma); });
    status.textContent = shown + " of " + rows.length + " findings shown.";
  }
  form.hidden = false;
  form.addEventListener("change", apply);
  form.addEventListener("reset", function () { setTimeout(apply, 0); });
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  apply();
  // on paper nothing can be opened
  var closed = [];
  window.addEventListener("beforeprint", function () {
    closed = Array.from(document.querySelectorAll("details:not([open])"));
    closed.forEach(function (box) { box.open = true; });
  });
  window.addEventListener("afterprint", function () {
    closed.forEach(function (box) { box.open = false; });
  });
}());
