// The experiments of the Lab, in the order in which they are listed.
import type { Experiment } from './bench';
import { encoding, type EncodingResult } from './encoding';
import { fields, type FieldsResult } from './fields';
import { hyperloglog, type HyperloglogResult } from './hyperloglog';
import { limiter, type LimiterResult } from './limiter';
import { memory, type MemoryResult } from './memory';
import { stream, type StreamResult } from './stream';

export type LabResult = MemoryResult | EncodingResult | HyperloglogResult | LimiterResult | StreamResult | FieldsResult;

// Each is run by itself and its result drawn by its kind, so that they may stand in one list.
export const EXPERIMENTS = [memory, encoding, hyperloglog, limiter, stream, fields] as unknown as readonly Experiment<LabResult>[];
