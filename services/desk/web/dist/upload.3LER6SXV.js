import{a,b,c,d}from"./chunk.VPMUPDDP.js";import"./chunk.SIKMBHSD.js";export{b as again,a as choose,c as drop,d as free};
