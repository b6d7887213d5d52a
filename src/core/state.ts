/**
 * The state of the ACD: what all events so far add up to. Only evolve changes it.
 */
export type State = object;
