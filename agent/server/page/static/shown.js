// Bring what has just been opened into view.
import { useEffect, useRef } from "./vendor/hooks.mjs";

export function useShown(when) {
  const box = useRef(null);
  useEffect(() => box.current?.scrollIntoView({ block: "nearest" }), [when]);
  return box;
}
