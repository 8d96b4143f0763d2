// The phases of a stream in words: what is said of each, and what the button does then.
const OVER = ["ended", "failed"];

/** What is said when a phase begins; `words` are the service's, `seconds` the time until the next try. */
export function phaseSaid(phase, series, session, words, seconds) {
  const soon = seconds ? ` Next try in ${seconds < 1 ? "less than a second" : `${Math.round(seconds)} s`}.` : "";
  const said = {
    opening: `Making a session for ${series.name} …`,
    playing: `Streaming ${series.name} into the session ${session}.`,
    paused: "Paused.",
    ended: `All ${series.y.length - series.first} readings are sent and recorded.`,
    lost: `The connection is lost${words ? ` (${words})` : ""}; what was recorded is safe.${soon}`,
    waiting: `The service asks to wait: ${words}${soon}`,
    failed: "Stopped.",
  };
  return said[phase];
}

/** Whether a stream in this phase is over, or was never begun. */
export const isOver = (phase) => !phase || OVER.includes(phase);

/** The main button's word; `wanted` is what was pressed last: playing or paused. */
export function buttonWord(phase, wanted) {
  if (isOver(phase)) return phase ? "Play again" : "Play";
  if (phase === "paused") return "Go on";
  return wanted === "playing" ? "Pause" : "Go on";
}
