/**
 * The learning rate of a step (counted from 1): rises linearly over the warm-up, then falls to zero along half a cosine
 * ("SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, equation 5, without restarts).
 */
export function learningRateAt(step: number, steps: number, peak: number, warmUp: number): number {
  const rising = Math.max(1, Math.round(steps * warmUp))
  if (step <= rising) return (peak * step) / rising
  const fallen = (step - rising) / Math.max(1, steps - rising)
  return (peak * (1 + Math.cos(Math.PI * Math.min(1, fallen)))) / 2
}
