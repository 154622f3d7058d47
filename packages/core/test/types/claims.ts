/* oxlint-disable typescript/no-unnecessary-type-parameters -- types alone are the point here */

/** Whether two types are exactly the same: `any`, a wider or a narrower type, or another modifier is not. */
export type Same<One, Other> =
  (<Value>() => Value extends One ? 1 : 2) extends <Value>() => Value extends Other ? 1 : 2 ? true : false;

/** Compiles exactly if what is claimed is true. */
export function claim<_Claim extends true>(): void {}

/** A value of a type, for code that is compiled and never run. */
export declare function a<Value>(): Value;
