// The link that holds the puzzle: after the #, so that no server sees it.

import { toLink } from "./puzzles/registry.js";

/** The address of this page with a puzzle and the model that looks at it. */
export function linkTo({ task, cells, shape }, model) {
  const values = new URLSearchParams({ task: task.name, model });
  return `${location.href.split("#")[0]}#${values}&puzzle=${toLink(task, cells, shape)}`;
}

/** What the address of this page holds; null where it says nothing. */
export function sharedHere() {
  const values = new URLSearchParams(location.hash.slice(1));
  return { task: values.get("task"), model: values.get("model"), puzzle: values.get("puzzle") };
}
