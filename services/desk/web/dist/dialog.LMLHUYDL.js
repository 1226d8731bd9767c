import{a,b}from"./chunk.SMDJLKZP.js";import"./chunk.GYDGKPPF.js";export{b as Confirm,a as Dialog};
