/**
 * What is written in the journal's tables, and how each row proves that it is whole. A row's sum
 * (CRC-32) covers all its columns and the sum of the row before it, so a flipped bit shows even
 * where SQLite's own structure is sound, and a row that was never followed by the next one (left
 * over from a write that failed) cannot be taken for history. `batch` is the number of the last
 * event written together with this one: a batch counts as a whole or not at all.
 */
import { crc32 } from 'node:zlib';

export interface EventRow {
  readonly seq: number;
  /** EVENTS_VERSION of the program that wrote it. */
  readonly version: number;
  readonly at: number;
  readonly kind: string;
  readonly body: string;
  readonly batch: number;
  /** Sum of the event before it, 0 for the first. */
  readonly prev: number;
  readonly sum: number;
}

export interface SnapshotRow {
  readonly seq: number;
  readonly body: string;
  readonly sum: number;
}

export interface MetaRow {
  readonly name: string;
  readonly value: number;
  readonly sum: number;
}

/** Sum of an event's row, 0 to 2^32 - 1. */
export function eventSum(row: Omit<EventRow, 'sum'>): number {
  const { seq, version, at, kind, body, batch, prev } = row;
  return crc32(`${seq} ${version} ${at} ${kind} ${batch} ${prev} ${body}`);
}

export function snapshotSum(row: Omit<SnapshotRow, 'sum'>): number {
  return crc32(`${row.seq} ${row.body}`);
}

export function metaSum(row: Omit<MetaRow, 'sum'>): number {
  return crc32(`${row.name} ${row.value}`);
}

export const isWholeEvent = (row: EventRow): boolean => row.sum === eventSum(row);
export const isWholeSnapshot = (row: SnapshotRow): boolean => row.sum === snapshotSum(row);
export const isWholeMeta = (row: MetaRow): boolean => row.sum === metaSum(row);
