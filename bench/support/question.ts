import type { Scope } from "./arguments.js";
import type { Child } from "./child.js";

/** What one round of one side came to, by name. */
export type Figures = Readonly<Record<string, number>>;

/** One side of a comparison: the product, or a floor to hold it against. */
export interface Contender {
  readonly name: string;
  /** Does the work once. The first call is the warm-up, and does not count. */
  round(): Promise<Figures>;
  close?(): Promise<void>;
}

/** What a figure, or its ratio to the floor's, should be. */
export interface Target {
  readonly on: "figure" | "ratio";
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** A contender's figure: `[contender, figure]`. */
type FigureOf = readonly [contender: string, figure: string];

/** One line of the report. */
export interface Line {
  readonly label: string;
  readonly unit: string;
  readonly of: FigureOf;
  readonly against?: FigureOf;
  readonly target?: Target;
}

/** Figures of one contender, or of several, that make a curve. */
export interface Curve {
  readonly label: string;
  /** What the axes show, with units. */
  readonly x: string;
  readonly y: string;
  /** The figure at each x: of every contender that has it, or of the one that is named. */
  readonly points: readonly { readonly x: number; readonly figure: string; readonly contender?: string }[];
}

/** What a question may use; all of it is gone when the bench ends. */
export interface Bench {
  /** A fresh database, by its URL: one for each contender, since a NOTIFY wakes every listener of its database. */
  database(): Promise<string>;
  /** Another process, running a module of `bench/processes`. */
  child(script: URL, argument: object, flags?: readonly string[]): Promise<Child>;
}

/** One thing to find out: who takes part, and which of their figures are reported. */
export interface Question {
  readonly scope: Scope;
  readonly title: string;
  /** What is done, and what the floor is. */
  readonly about: string;
  readonly lines: readonly Line[];
  readonly curves?: readonly Curve[];
  /** Sets up the contenders; they take turns. */
  open(bench: Bench): Promise<Contender[]>;
}
