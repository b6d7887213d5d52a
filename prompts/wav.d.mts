/** `samples`: whole numbers of 16 bits; `rate`: of them a second. */
export function writeWav(file: string, rate: number, samples: Int16Array | number[]): void;
