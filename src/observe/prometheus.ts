/**
 * prom-client, with our own measure of the event loop's delay: the library's default set also
 * reads /proc at every scrape, and its names are not ours.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export { Counter, Gauge, Histogram, Registry };

/** Delay of the event loop since the last scrape, and memory and CPU of this process. */
export function monitorEventLoopDelayGauge(registry: Registry): void {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const registers = [registry];
  new Gauge({
    name: 'acd_loop_delay_seconds',
    help: 'Delay of the event loop since the last reading, by quantile',
    labelNames: ['quantile'],
    registers,
    collect() {
      for (const quantile of [50, 99, 100]) {
        const nanoseconds = delay.percentile(quantile);
        this.set({ quantile: String(quantile / 100) }, nanoseconds / 1e9);
      }
      delay.reset();
    },
  });
  new Gauge({
    name: 'acd_resident_memory_bytes',
    help: 'Memory of the server process',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: 'acd_cpu_seconds',
    help: 'CPU time of the server process since its start',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.set((user + system) / 1e6);
    },
  });
}
