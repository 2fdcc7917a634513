"use strict";
// Copies commands and filters tables while somebody types. Every page works without it.
(function () {
  function say(button, text) {
    var before = button.dataset.label || button.textContent;
    button.dataset.label = before;
    button.textContent = text;
    window.setTimeout(function () { button.textContent = before; }, 2000);
  }
  function select(code) {
    var range = document.createRange();
    range.selectNodeContents(code);
    var selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }
  // browsers give pages without TLS no clipboard
  function copySelected(button, code) {
    select(code);
    var copied = false;
    try { copied = document.execCommand("copy"); } catch (error) { copied = false; }
    say(button, copied ? "Copied" : "Press Ctrl+C");
  }
  document.querySelectorAll("button[data-copy]").forEach(function (button) {
    var code = document.getElementById(button.dataset.copy);
    if (!code) { return; }
    button.hidden = false;
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", function () {
      if (!navigator.clipboard || !window.isSecureContext) { copySelected(button, code); return; }
      navigator.clipboard.writeText(code.textContent).then(
        function () { say(button, "Copied"); },
        function () { copySelected(button, code); }
      );
    });
  });
  document.querySelectorAll("input[data-filter]").forEach(function (input) {
    input.closest(".filter").hidden = false;
    var rows = document.querySelectorAll(input.dataset.filter);
    input.addEventListener("input", function () {
      var words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      rows.forEach(function (row) {
        var text = row.textContent.toLowerCase();
        row.hidden = !words.every(function (word) { return text.includes(word); });
      });
    });
  });
})();
