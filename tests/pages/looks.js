// SPDX-License-Identifier: Apache-2.0
// What is wrong with how a page looks, as a list of sentences. Run inside the page.
(() => {
  const wrong = [];
  const say = (what, element) => wrong.push(`${what}: <${element.tagName.toLowerCase()}> ${element.textContent.trim().slice(0, 60)}`);
  const hidden = element => !element.checkVisibility() || element.closest('details:not([open])') && !element.closest('summary');
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) wrong.push(`the page is ${root.scrollWidth} wide in a window of ${root.clientWidth}`);

  for (const element of document.body.querySelectorAll('*')) {
    if (hidden(element) || element.closest('svg')) continue;
    const box = element.getBoundingClientRect();
    if (box.right > root.clientWidth + 1 || box.left < -1) say('outside of the window', element);
    const style = getComputedStyle(element);
    if (style.overflowX !== 'visible' && element.scrollWidth > element.clientWidth + 1) say('cut or to be scrolled', element);
  }

  // WCAG 2.1, 1.4.3, as the browser has computed the colours.
  const numbers = colour => (colour.match(/[\d.]+/g) || []).map(Number);
  const luminance = ([r, g, b]) => {
    const linear = [r, g, b].map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const paper = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (texts.nextNode()) {
    const node = texts.currentNode, element = node.parentElement;
    if (!node.data.trim() || hidden(element)) continue;
    const [light, dark] = [luminance(numbers(getComputedStyle(element).color)), luminance(paper(element))].sort((a, b) => b - a);
    if ((light + 0.05) / (dark + 0.05) < 4.5) say('contrast', element);
    // A short word on two lines was broken. Long ones are names and paths, which may be.
    for (const word of node.data.matchAll(/(?<!\S)\S{2,24}(?!\S)/g)) {
      if (!/^[A-Za-z]{2,}[.,:;]?$/.test(word[0])) continue;
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
      if (lines.size > 1) say(`the word ${word[0]} is broken`, element);
    }
  }
  return [...new Set(wrong)].slice(0, 12);
})()
